/* A member: one alternative a step; between any two of them anything else may happen. */

#define NUMBER_LEFT (nn[m] < NN && nn[m] - cn[m] < D)

/* flag = a unit of the chain in force is VISIBLE. */
inline chain_proved()
{
    flag = 0; i = 1;
    do
    :: i <= NN && ch[m] ->
        if
        :: lst[LB(ch[m], i)] == L_VISIBLE -> flag = 1
        :: else -> skip
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

proctype Member(byte m)
{
end:
    do
    /* membership */
    :: atomic { AT(OUT) && rb < RB -> st[m] = JOINING; inj[m] = 1 }
    :: atomic { !stopped && cr_left && st[m] != OUT && st[m] != DEAD && st[m] != JOINING ->
        d_step {
            cr_left--; wipe();
#ifdef HELD
            if :: hm == m + 1 && hstray -> drop_held() :: else -> skip fi;
#endif
            st[m] = (valid[m] -> DEAD : OUT)
        } }
    /* lost: ROLLBACK only what was never sent, and that may fail */
    :: atomic { !stopped && ACTIVE && !valid[m] ->
        if
        :: true
        :: (st[m] == LOADED || st[m] == UNDO) && ua[m] -> d_step { rollback(LB(ch[m], ua[m])) }
#ifdef PIPE
        :: (st[m] == SEND || st[m] == COMMIT) && ub[m] -> d_step { rollback(LB(ch[m], ub[m])) }
#endif
#if STRAY
        :: stray_left && st[m] == LOADED && hm == 0 -> d_step { stray_left--; hold_unit(1) }
#endif
        fi;
        d_step { wipe(); st[m] = OUT } }
    /* revoked in order: units past step 3 are finished first */
    :: atomic { (AT(IDLE) || AT(LOADED) || AT(ANN_SINK)) && OTHER_JOINS && valid[m] && rb < RB ->
        if
        :: st[m] != LOADED
        :: st[m] == LOADED -> d_step { rollback(LB(ch[m], ua[m])); rollback_b() }
#if STRAY
        :: st[m] == LOADED && stray_left && hm == 0 -> d_step { stray_left--; hold_unit(1) }
#endif
        fi;
        d_step { wipe(); st[m] = JOINING; inj[m] = 1 } }
    /* leaves in order */
    :: atomic { AT(IDLE) && valid[m] && x_left && rb < RB ->
        d_step { x_left--; wipe(); valid[m] = 0; st[m] = OUT;
#ifdef HELD
            if :: hm == m + 1 && !hstray -> drop_held() :: else -> skip fi
#endif
        } }
#if F24
    /* F24: a heartbeat error resets the generation between step 2 and the sending */
    :: atomic { (AT(LOADED) || AT(SEND) || AT(ANN_KAFKA)) && !valid[m] && !cs[m] && f24_left ->
        f24_left--; cs[m] = 1 }
#endif

    /* 8.3 */
    :: atomic { AT(R_A) -> step_a() }
    :: d_step { AT(R_B) -> step_b() }
    :: d_step { AT(R_C) -> step_c() }
    :: atomic { AT(R_D) -> d_step { waits_for_visible() }
        if
        :: flag -> flag = 0; goto end
        :: else -> d_step { step_d() }
        fi }
    :: d_step { AT(R_E) && len(pub) < 2 -> step_e() }
    :: atomic { AT(R_F) -> d_step { settles_slowly() }
        if
        :: flag -> flag = 0; goto end
        :: else -> step_f()
        fi }

    /* 0 */
    :: d_step { AT(ANN_SINK) && mine[m] && drawn < NC -> announce_sink() }
    :: d_step { AT(ANN_SINK) && mine[m] && drawn == NC -> wipe(); st[m] = SPENT }
    :: atomic { AT(ANN_KAFKA) && !ACCEPTED -> d_step { wipe(); st[m] = OUT; valid[m] = 0 } }
    :: atomic { AT(ANN_KAFKA) && ACCEPTED ->
        d_step { announce_kafka() }
        if
        :: true
#if F25
        :: f25_left && hm == 0 && !cs[m] -> d_step { f25_left--; hold_announce() }
#endif
        fi;
        if
        :: la_left -> la_left--; goto end
        :: true
        fi;
        if
#ifndef M_NO_POSTCHECK
        :: cs[m] -> d_step { wipe(); st[m] = OUT }
        :: !cs[m] -> d_step { forget_read(); st[m] = IDLE }
#else
        :: true -> d_step { forget_read(); cs[m] = 0; st[m] = IDLE }
#endif
        fi }

    /* 1 */
    :: atomic { AT(IDLE) && ch[m] && NUMBER_LEFT ->
        if
        :: rep[m] -> cut = 1
        :: else -> choose_ends(0)
        fi;
        if
        :: cut == 0 ->
            d_step { i = 0;
                do
                :: i < NP -> AEND(m, i) = 0; i++
                :: else -> break
                od;
                i = 0 }
            goto end
        :: else -> cut = 0
        fi;
        d_step { nn[m]++; ua[m] = nn[m]; l = LB(ch[m], nn[m]) }
        if
        :: lst[l] == L_UNKNOWN || lst[l] == L_ABORTED ->
            if
            :: d_step { load(l, 0); st[m] = LOADED }
#if LF
            /* no answer: done; or still on its way */
            :: lf_left -> d_step { lf_left--; load(l, 0); st[m] = UNDO }
            :: lf_left && dl == 0 ->
                d_step {
                    lf_left--; lst[l] = L_OPEN; dl = l + 1; i = 0;
                    do
                    :: i < NP -> dls[i] = POS(m, i); dle[i] = AEND(m, i); i++
                    :: else -> break
                    od;
                    i = 0;
                    st[m] = UNDO
                }
#endif
            fi
        :: else -> st[m] = UNDO /* F16 */
        fi;
        l = 0 }
    :: d_step { AT(UNDO) ->
        rollback(LB(ch[m], ua[m]));
        ua[m] = 0;
        if
        :: !rep[m] -> i = 0;
            do
            :: i < NP -> AEND(m, i) = 0; i++
            :: else -> break
            od;
            i = 0
        :: else -> skip
        fi;
#ifdef M_NUMBER_REUSED
        nn[m]--;
#endif
        st[m] = IDLE }
    /* limit of numbers: nothing is open, 8.3 */
    :: d_step { AT(IDLE) && ch[m] && !NUMBER_LEFT -> recover_again() }
#ifdef PIPE
    :: atomic { (AT(SEND) || AT(COMMIT)) && !ub[m] && NUMBER_LEFT &&
                (lst[LB(ch[m], nn[m] + 1)] == L_UNKNOWN) ->
        choose_ends(1);
        if
        :: cut -> cut = 0;
            d_step { nn[m]++; ub[m] = nn[m]; load(LB(ch[m], nn[m]), 1) }
        :: else ->
            d_step { i = 0;
                do
                :: i < NP -> BEND(m, i) = 0; i++
                :: else -> break
                od;
                i = 0 }
        fi }
#endif

    /* 2 */
#ifdef M_COMMIT_FIRST
    :: d_step { AT(LOADED) && len(pub) < 2 ->
        commit_label(LB(ch[m], ua[m]));
        if
        :: flag -> flag = 0; st[m] = SEND
        :: else -> rollback_b(); recover_again()
        fi }
#else
#ifndef M_NO_GUARD
    :: d_step { AT(LOADED) && cs[m] -> wipe(); st[m] = OUT }
    :: d_step { AT(LOADED) && !cs[m] -> st[m] = SEND }
#else
    :: d_step { AT(LOADED) -> st[m] = SEND }
#endif
#endif

    /* 3 */
    :: atomic { AT(SEND) && !ACCEPTED -> d_step { wipe(); st[m] = OUT; valid[m] = 0 } } /* F4 */
    :: atomic { AT(SEND) && ACCEPTED ->
#if F15 && NP > 1
        if
        :: f15_left && mine[m] == ALL_P ->
            f15_left--;
            if
            :: d_step { apply_unit(1, ua[m], 0) }
            :: d_step { apply_unit(2, ua[m], 0) }
            fi;
            goto end
        :: true
        fi;
#endif
        d_step { apply_unit(mine[m], ua[m], 0) }
#if F25
        if
        :: true
        :: f25_left && hm == 0 && !cs[m] -> d_step { f25_left--; hold_unit(0) }
        fi;
#endif
        if
        :: la_left -> la_left--; goto end /* F3 */
        :: true
        fi;
        /* 3a */
        if
#ifndef M_NO_POSTCHECK
        :: cs[m] -> d_step { wipe(); st[m] = OUT }
        :: !cs[m] -> st[m] = COMMIT
#else
        :: true -> cs[m] = 0; st[m] = COMMIT
#endif
        fi }
#if defined(M_NO_GUARD) && defined(PIPE)
    :: d_step { AT(COMMIT) && ub[m] && !bdec[m] && valid[m] ->
        apply_unit(mine[m], ub[m], 1); bdec[m] = 1 }
#endif

    /* 4 */
    :: atomic { AT(COMMIT) && len(pub) < 2 ->
        d_step { commit_label(LB(ch[m], ua[m])) }
        if
        :: flag && la_left -> la_left--; flag = 0; goto end
        :: flag -> flag = 0;
            d_step {
                cn[m] = ua[m];
                next_unit();
#ifdef PIPE
                if
                :: ua[m] && bdec[m] -> bdec[m] = 0; st[m] = COMMIT
                :: ua[m] && !bdec[m] -> st[m] = LOADED
                :: else -> st[m] = IDLE
                fi
#else
                st[m] = IDLE
#endif
            }
        :: !flag -> d_step { rollback_b(); recover_again() } /* F7, F8 */
        fi }

    /* 5 */
    :: atomic { AT(IDLE) && bm[m] -> d_step { chain_proved() }
        if
        :: flag -> d_step { flag = 0; close_rows() }
        :: else -> goto end
        fi }
    od
}
