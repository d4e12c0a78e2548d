/* What the coordinator and the sink do by themselves, and what must hold. */

/* Gives partition p to one of the joined members. */
inline give(p)
{
    if
    :: inj[0] -> mine[0] = mine[0] | (1 << p)
    :: inj[1] -> mine[1] = mine[1] | (1 << p)
    fi
}

inline expel()
{
    valid[l] = 0;
#ifdef HELD
    if :: hm == l + 1 && !hstray -> drop_held() :: else -> skip fi;
#endif
    l = 0
}

/* One label becomes VISIBLE: its rows and its ledger rows, all at once. */
inline publish()
{
    i = 0;
    do
    :: i < NP ->
        j = lrs[LP(l, i)];
        if
        :: j < lre[LP(l, i)] ->
            do
            :: j < lre[LP(l, i)] ->
                assert(!HAS(vis[i], j)); /* an offset is visible twice */
#if LF
                assert(!twice[l]); /* a late LOAD came into this label */
#endif
                vis[i] = vis[i] | (1 << j);
                j++
            :: else -> break
            od;
            E[i] = lre[LP(l, i)]; Ec[i] = l / NN + 1; En[i] = l % NN + 1
        :: else -> skip
        fi;
        i++
    :: else -> break
    od;
    lst[l] = L_VISIBLE;
    drop_rows(l);
    i = 0; j = 0; l = 0
}

/* The coordinator and the sink on their own. */
proctype World()
{
end:
    do
    /* all members of the old generation have joined again or are gone */
    :: atomic { !stopped && rb < RB && (inj[0] || inj[1]) &&
                (!valid[0] || inj[0]) && (!valid[1] || inj[1]) ->
        rb++;
        give(0);
#if NP > 1
        give(1);
#endif
        d_step {
            i = 0;
            do
            :: i < NM ->
                valid[i] = inj[i];
                if
                :: inj[i] -> st[i] = (mine[i] -> R_A : IDLE)
                :: else -> skip
                fi;
                inj[i] = 0;
                i++
            :: else -> break
            od;
            i = 0;
#ifdef HELD
            if :: hm && !hstray -> drop_held() :: else -> skip fi
#endif
        } }
    /* session timeout: of the dead for nothing, of a live one from the budget */
    :: d_step { !stopped && st[0] == DEAD -> st[0] = OUT; l = 0; expel() }
    :: d_step { !stopped && st[1] == DEAD -> st[1] = OUT; l = 1; expel() }
    :: d_step { !stopped && valid[0] && st[0] >= R_A && x_left -> x_left--; l = 0; expel() }
    :: d_step { !stopped && valid[1] && st[1] >= R_A && x_left -> x_left--; l = 1; expel() }
#ifdef HELD
    /* F25, F11: arrives late; the broker does not ask who owns the partition */
    :: d_step { !stopped && hm && valid[hm - 1] ->
        i = 0;
        do
        :: i < NP ->
            if
            :: HAS(hset, i) -> com[i] = hc[i]; lc[i] = hl[i]; ln[i] = hn[i]; ks[i] = hs[i]
            :: else -> skip
            fi;
            i++
        :: else -> break
        od;
        drop_held() }
#endif
    /* sink */
    :: d_step { !stopped && len(pub) > 0 -> pub?l; publish() }
#if FE
    :: d_step { !stopped && fe_left ->
        fe_left--; l = 0;
        do
        :: l < NL -> rollback(l); l++
        :: else -> break
        od;
        l = 0 }
#endif
#if TMO || EVICT
    :: atomic { !stopped && (tmo_left || ev_left) ->
        l = 0;
        do
        :: l < NL - 1 -> l++
        :: break
        od;
        if
        :: tmo_left && lst[l] == L_OPEN -> d_step { tmo_left--; rollback(l) }
        :: ev_left && (lst[l] == L_VISIBLE || lst[l] == L_ABORTED) ->
            ev_left--; lst[l] = L_UNKNOWN
        :: else -> skip
        fi;
        l = 0 }
#endif
#if LF
    :: d_step { !stopped && dl ->
        l = dl - 1;
        if
        :: lst[l] == L_OPEN && lre[LP(l, 0)] + lre[LP(l, NP - 1)] > 0 -> twice[l] = 1
        :: lst[l] == L_OPEN && lre[LP(l, 0)] + lre[LP(l, NP - 1)] == 0 ->
            i = 0;
            do
            :: i < NP -> lrs[LP(l, i)] = dls[i]; lre[LP(l, i)] = dle[i]; i++
            :: else -> break
            od
        :: else -> skip
        fi;
        i = 0;
        do
        :: i < NP -> dls[i] = 0; dle[i] = 0; i++
        :: else -> break
        od;
        dl = 0; i = 0; l = 0 }
#endif
    od
}

#define READS(m, p) (valid[m] && HAS(mine[m], p) && st[m] == IDLE && !rep[m] && POS(m, p) == NE)
#define DONE(p) ((READS(0, p) || READS(1, p)) && vis[p] != FULL)
#define SEEN(p) (vis[p] == FULL)

/* Says no word while all is well. */
proctype Oracle()
{
end:
    if
    :: d_step { !stopped && len(pub) == 0 && (DONE(0) || DONE(NP - 1)) ->
        assert(SEEN(0) && SEEN(NP - 1)) } /* an owner is at the end of the log: an offset is lost */
    :: atomic { timeout ->
        assert(stopped || st[0] == SPENT || st[1] == SPENT || rb == RB ||
               (SEEN(0) && SEEN(NP - 1))) } /* hung */
    fi
}
