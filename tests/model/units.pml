/* Parts of a member's steps: memory, units, labels, and the announce (0), the close (5). */

/* Forgets everything a process has in memory. */
inline wipe()
{
    mine[m] = 0; cs[m] = 0; ch[m] = 0; nn[m] = 0; cn[m] = 0; ua[m] = 0; rep[m] = 0;
    grp[m] = 0; pg[m] = 0; pp[m] = 0; fm[m] = 0; fc[m] = 0; fn[m] = 0; fk[m] = 0; wm[m] = 0;
    ot[m] = 0; res[m] = 0; rr[m] = 0; bm[m] = 0;
    i = 0;
    do
    :: i < NP ->
        POS(m, i) = 0; AEND(m, i) = 0;
        kc[MP(m, i)] = 0; kl[MP(m, i)] = 0; kn[MP(m, i)] = 0; kt[MP(m, i)] = 0;
#ifdef PIPE
        BEND(m, i) = 0;
#endif
        i++
    :: else -> break
    od;
#ifdef PIPE
    ub[m] = 0; bdec[m] = 0;
#endif
    i = 0
}

/* The label is final or gone: its rows are of no interest any more. */
inline drop_rows(lab)
{
    j = 0;
    do
    :: j < NP -> lrs[LP(lab, j)] = 0; lre[LP(lab, j)] = 0; j++
    :: else -> break
    od;
#if LF
    twice[lab] = 0;
#endif
    j = 0
}

/* ROLLBACK of a label: whatever it is, nothing but an open transaction changes. */
inline rollback(lab)
{
    if
    :: lst[lab] == L_OPEN -> lst[lab] = L_ABORTED; drop_rows(lab)
    :: else -> skip
    fi
}

/* Nobody may run once more: the STOP of 8.1. A member that is lost by then leaves without alarm. */
inline stop()
{
    if
#ifndef M_STOP_ONCE
    :: !rr[m] -> rr[m] = 1; st[m] = R_A
    :: rr[m] && !valid[m] -> wipe(); st[m] = OUT
    :: rr[m] && valid[m] ->
#else
    :: true ->
#endif
        assert(STOP_OK || stopped); /* needless STOP */
        stopped = 1
    fi
}

/* A held OffsetCommit of this kind cannot be accepted any more. */
inline drop_held()
{
#ifdef HELD
    hm = 0; hset = 0; hstray = 0; i = 0;
    do
    :: i < NP -> hc[i] = 0; hl[i] = 0; hn[i] = 0; hs[i] = 0; i++
    :: else -> break
    od;
    i = 0
#endif
}

#ifdef M_IDLE_START
#define START(p, s, e) ((s) == (e) -> ks[p] : (s))
#else
#define START(p, s, e) (s)
#endif

/* OffsetCommit of unit (ch, n) with its ranges [mark k, mark k + 1), for a set of partitions. */
inline apply_unit(set, n, k)
{
    i = 0;
    do
    :: i < NP ->
        if
        :: HAS(set, i) ->
            ks[i] = START(i, MARK(k, m, i), MARK(k + 1, m, i));
            com[i] = MARK(k + 1, m, i);
            lc[i] = ch[m]; ln[i] = n
        :: else -> skip
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* A copy of the unit's commit stays on its way. */
inline hold_unit(stray)
{
#ifdef HELD
    hm = m + 1; hset = mine[m]; hstray = stray; i = 0;
    do
    :: i < NP ->
        if
        :: HAS(hset, i) ->
            hc[i] = AEND(m, i); hl[i] = ch[m]; hn[i] = ua[m]; hs[i] = POS(m, i)
        :: else -> skip
        fi;
        i++
    :: else -> break
    od;
    i = 0
#endif
}

/* BEGIN and LOAD of label lab with [mark k, mark k + 1) of every partition held. */
inline load(lab, k)
{
    i = 0;
    do
    :: i < NP ->
        if
        :: HAS(mine[m], i) -> lrs[LP(lab, i)] = MARK(k, m, i); lre[LP(lab, i)] = MARK(k + 1, m, i)
        :: else -> skip
        fi;
        i++
    :: else -> break
    od;
    lst[lab] = L_OPEN;
    i = 0
}

/* Ends of a unit that begins at mark k: cut = 0 when there is nothing to take. */
inline choose_ends(k)
{
    cut = 0; i = 0;
    do
    :: i < NP ->
        if
        :: HAS(mine[m], i) && MARK(k, m, i) < NE -> MARK(k + 1, m, i) = MARK(k, m, i) + 1; cut = 1
#ifdef CUT_ALL
        :: HAS(mine[m], i) && MARK(k, m, i) + 1 < NE ->
            MARK(k + 1, m, i) = MARK(k, m, i) + 2; cut = 1
#endif
        :: HAS(mine[m], i) && (NP > 1 || MARK(k, m, i) == NE) -> MARK(k + 1, m, i) = MARK(k, m, i)
        :: !HAS(mine[m], i) -> MARK(k + 1, m, i) = 0
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* The unit to be decided is over; B, if there is one, takes its place. */
inline next_unit()
{
    rep[m] = 0; ua[m] = 0; i = 0;
    do
    :: i < NP ->
        POS(m, i) = AEND(m, i);
#ifdef PIPE
        AEND(m, i) = BEND(m, i);
        BEND(m, i) = 0;
#else
        AEND(m, i) = 0;
#endif
        i++
    :: else -> break
    od;
    i = 0;
#ifdef PIPE
    ua[m] = ub[m]; ub[m] = 0
#endif
}

/* The chain ends: nothing of it is begun any more by this member. */
inline unit_forget()
{
    ua[m] = 0; rep[m] = 0; i = 0;
    do
    :: i < NP ->
        AEND(m, i) = 0;
#ifdef PIPE
        BEND(m, i) = 0;
#endif
        i++
    :: else -> break
    od;
    i = 0;
#ifdef PIPE
    ub[m] = 0; bdec[m] = 0
#endif
}

/* To 8.3 as a live member (F7, F8, limit of numbers). */
inline recover_again()
{
    unit_forget();
    ch[m] = 0; nn[m] = 0; cn[m] = 0; bm[m] = 0; i = 0;
    do
    :: i < NP -> POS(m, i) = 0; i++
    :: else -> break
    od;
    i = 0;
    st[m] = R_A
}

inline rollback_b()
{
#ifdef PIPE
    if
    :: ub[m] -> rollback(LB(ch[m], ub[m]))
    :: else -> skip
    fi
#else
    skip
#endif
}

/* COMMIT of a label; flag = it is COMMITTED or VISIBLE. */
inline commit_label(lab)
{
    if
    :: lst[lab] == L_OPEN -> lst[lab] = L_COMMITTED; pub!lab; flag = 1
    :: lst[lab] == L_COMMITTED || lst[lab] == L_VISIBLE -> flag = 1
    :: else -> flag = 0
    fi
}

inline close_rows()
{
    i = 0;
    do
    :: i < NC * NP ->
        if
        :: HAS(bm[m], i) && reg[i] == 1 -> reg[i] = 2
        :: else -> skip
        fi;
        i++
    :: else -> break
    od;
    bm[m] = 0; i = 0
}

inline announce_sink()
{
    drawn++;
    ch[m] = drawn; nn[m] = 0; cn[m] = 0; i = 0;
    do
    :: i < NP ->
        if
        :: HAS(mine[m], i) ->
#ifndef M_NO_ANNOUNCE
            reg[RG(ch[m], i)] = 1;
            regs[RG(ch[m], i)] = POS(m, i)
#else
            skip
#endif
        :: else -> skip
        fi;
        i++
    :: else -> break
    od;
    i = 0;
#ifdef M_CLOSE_EARLY
    close_rows();
#endif
    st[m] = ANN_KAFKA
}

inline announce_kafka()
{
    i = 0;
    do
    :: i < NP ->
        if
        :: HAS(mine[m], i) ->
            com[i] = kc[MP(m, i)]; lc[i] = kl[MP(m, i)]; ln[i] = kn[MP(m, i)];
            ks[i] = kt[MP(m, i)]
        :: else -> skip
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

inline hold_announce()
{
#ifdef HELD
    hm = m + 1; hset = mine[m]; hstray = 0; i = 0;
    do
    :: i < NP ->
        hc[i] = kc[MP(m, i)]; hl[i] = kl[MP(m, i)]; hn[i] = kn[MP(m, i)]; hs[i] = kt[MP(m, i)];
        i++
    :: else -> break
    od;
    i = 0
#endif
}

inline forget_read()
{
    i = 0;
    do
    :: i < NP ->
        kc[MP(m, i)] = 0; kl[MP(m, i)] = 0; kn[MP(m, i)] = 0; kt[MP(m, i)] = 0;
        i++
    :: else -> break
    od;
    i = 0
}
