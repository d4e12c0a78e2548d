/* Steps a to f of the recovery of partitions on assignment. */

inline step_a()
{
    d_step {
        grp[m] = mine[m]; flag = 0; i = 0;
        do
        :: i < NP ->
            if
            :: HAS(mine[m], i) ->
                kc[MP(m, i)] = com[i]; kl[MP(m, i)] = lc[i]; kn[MP(m, i)] = ln[i];
                kt[MP(m, i)] = ks[i];
#ifndef M_NO_ANNOUNCE
                if
                :: lc[i] -> if :: reg[RG(lc[i], i)] == 0 -> flag = 1 :: else -> skip fi
                :: else -> skip
                fi
#endif
            :: else -> skip
            fi;
            i++
        :: else -> break
        od;
        i = 0;
        st[m] = R_B
    }
    if
    :: flag -> stop() /* F14 */
    :: else -> skip
    fi;
    flag = 0
}

/* First partition of the group into g. */
inline group_first()
{
    g = 0;
    do
    :: g < NP && !HAS(pg[m], g) -> g++
    :: else -> break
    od
}

inline step_b()
{
    pg[m] = grp[m];
    group_first();
    pg[m] = 0; pp[m] = 0; i = 0;
    do
    :: i < NP ->
        if
        :: HAS(grp[m], i) && kl[MP(m, i)] == kl[MP(m, g)] && kn[MP(m, i)] == kn[MP(m, g)] ->
            pg[m] = pg[m] | (1 << i)
        :: else -> skip
        fi;
        i++
    :: else -> break
    od;
    pp[m] = pg[m]; i = 0;
#ifndef M_OWN_ONLY
    l = kl[MP(m, g)];
    if
    :: l ->
        j = lst[LB(l, kn[MP(m, g)])];
        do
        :: i < NP ->
            if
            :: reg[RG(l, i)] && j != L_COMMITTED && j != L_VISIBLE -> pp[m] = pp[m] | (1 << i)
            :: else -> skip
            fi;
            i++
        :: else -> break
        od
    :: else -> skip
    fi;
#endif
    fm[m] = 0; l = 1;
    do
    :: l <= NC ->
        i = 0;
        do
        :: i < NP ->
            if
            :: HAS(pp[m], i) && reg[RG(l, i)] == 1 ->
                fm[m] = fm[m] | (1 << l);
                if
                :: HAS(mine[m], i) -> bm[m] = bm[m] | (1 << RG(l, i))
                :: else -> skip
                fi
            :: else -> skip
            fi;
            i++
        :: else -> break
        od;
        l++
    :: else -> break
    od;
#ifdef M_NO_FENCE
    fm[m] = 0;
#endif
    wm[m] = 0;
#ifndef AS_WRITTEN
    /* Units of C below n are COMMITTED (guard), but maybe not VISIBLE, and no fence meets them. */
    i = 1;
    do
    :: kl[MP(m, g)] && i < kn[MP(m, g)] ->
        if
        :: lst[LB(kl[MP(m, g)], i)] == L_COMMITTED ->
            wm[m] = wm[m] | (1 << LB(kl[MP(m, g)], i))
        :: else -> skip
        fi;
        i++
    :: else -> break
    od;
#endif
    i = 0; j = 0; l = 0; g = 0;
    st[m] = (fm[m] -> R_C : R_D)
}

/* One ROLLBACK of the fence. */
inline step_c()
{
    if
    :: fc[m] == 0 ->
        fc[m] = 1; fk[m] = 0; fn[m] = 1;
        do
        :: !HAS(fm[m], fc[m]) -> fc[m]++
        :: else -> break
        od;
        i = 0;
        do
        :: i < NP ->
            if
            :: HAS(pp[m], i) && Ec[i] == fc[m] && En[i] >= fn[m] -> fn[m] = En[i] + 1
            :: else -> skip
            fi;
            i++
        :: else -> break
        od;
        group_first();
        if
        :: kl[MP(m, g)] == fc[m] && kn[MP(m, g)] >= fn[m] -> fn[m] = kn[MP(m, g)] + 1
        :: else -> skip
        fi;
        i = 0; g = 0
    :: else -> skip
    fi;
    if
    :: fn[m] <= NN ->
        l = LB(fc[m], fn[m]);
        if
#ifdef M_FENCE_STATE
        :: lst[l] == L_UNKNOWN || lst[l] == L_OPEN -> fk[m]++ /* get_load_state says UNKNOWN */
#else
        :: lst[l] == L_UNKNOWN -> fk[m]++
        :: lst[l] == L_OPEN -> rollback(l); fk[m] = 0
#endif
        :: lst[l] == L_COMMITTED -> wm[m] = wm[m] | (1 << l); fk[m] = 0
        :: else -> fk[m] = 0
        fi;
        fn[m]++;
        l = 0
    :: else -> skip
    fi;
    if
    :: fn[m] > NN || fk[m] == D ->
        fm[m] = fm[m] & ~(1 << fc[m]);
        fc[m] = 0; fn[m] = 0; fk[m] = 0;
        st[m] = (fm[m] -> R_C : R_D)
    :: else -> skip
    fi
}

/* flag = a label that the fence found COMMITTED is not VISIBLE yet. */
inline waits_for_visible()
{
    flag = 0;
#ifndef M_EARLY_END
    l = 0;
    do
    :: l < NL ->
        if
        :: ((wm[m] >> l) & 1) && lst[l] == L_COMMITTED -> flag = 1
        :: else -> skip
        fi;
        l++
    :: else -> break
    od;
    l = 0
#endif
}

inline step_d()
{
    wm[m] = 0; ot[m] = 0;
    group_first();
    l = kl[MP(m, g)]; i = 0;
    if
    :: l ->
        do
        :: i < NP ->
            if
#ifdef M_OWN_ONLY
            :: HAS(pg[m], i) && reg[RG(l, i)] && Ec[i] && Ec[i] != l && E[i] > regs[RG(l, i)] ->
#else
            :: reg[RG(l, i)] && Ec[i] && Ec[i] != l && E[i] > regs[RG(l, i)] ->
#endif
                ot[m] = 1
            :: else -> skip
            fi;
            i++
        :: else -> break
        od;
        st[m] = R_E
    :: else -> st[m] = R_F
    fi;
#ifdef M_NO_OVERTAKEN
    ot[m] = 0;
#endif
    i = 0; l = 0; g = 0
}

inline step_e()
{
    group_first();
    l = LB(kl[MP(m, g)], kn[MP(m, g)]);
    if
    :: ot[m] -> flag = (lst[l] == L_COMMITTED || lst[l] == L_VISIBLE); rollback(l)
#ifndef M_SETTLE_STATE
    :: else -> commit_label(l)
#else
    :: else -> flag = (lst[l] == L_COMMITTED || lst[l] == L_VISIBLE) /* open: UNKNOWN */
#endif
    fi;
    res[m] = flag; ot[m] = 0; flag = 0; l = 0; g = 0;
    st[m] = R_F
}

/* flag = (C,n) is COMMITTED, not VISIBLE. */
inline settles_slowly()
{
    flag = 0;
#ifndef M_EARLY_END
    group_first();
    if
    :: kl[MP(m, g)] -> flag = (lst[LB(kl[MP(m, g)], kn[MP(m, g)])] == L_COMMITTED)
    :: else -> skip
    fi;
    g = 0
#endif
}

inline step_f()
{
    d_step {
        flag = 0; i = 0;
        do
        :: i < NP ->
            if
            :: HAS(pg[m], i) ->
                POS(m, i) = E[i]; AEND(m, i) = E[i];
#ifdef M_START_COMMITTED
                POS(m, i) = com[i]; AEND(m, i) = com[i];
#else
                if
                :: E[i] >= kc[MP(m, i)] -> skip
                :: E[i] < kc[MP(m, i)] && E[i] >= kt[MP(m, i)] && !res[m] ->
                    AEND(m, i) = kc[MP(m, i)]; rep[m] = 1
                :: else -> flag = 1
                fi
#endif
            :: else -> skip
            fi;
            i++
        :: else -> break
        od;
        grp[m] = grp[m] & ~pg[m];
        pg[m] = 0; pp[m] = 0; res[m] = 0; i = 0;
        st[m] = (grp[m] -> R_B : ANN_SINK)
    }
    if
    :: flag -> grp[m] = 0; unit_forget(); stop()
    :: else -> rr[m] = (grp[m] -> rr[m] : 0)
    fi;
    flag = 0
}
