/* The exactly-once protocol, MULTI mode: one label a unit over all tables, COMMIT is its only step.
 * Purpose: every offset visible exactly once, or the pipeline stopped, whatever fails.
 * Shape: NP, NE, NC, NN, D, RB bound what can happen; X, CR, LA, LF, FE, TMO, F15, F24, F25, STRAY,
 * EVICT are budgets of faults; PIPE, CUT_ALL, IDLE_ROW widen; M_... break the protocol on purpose.
 * Errors: assert() with its reason beside it. README.md maps the steps to the protocol. */

/* ---- bounds ---- */
#define NM 2 /* members */
#ifndef NP
#define NP 1 /* partitions, 1 or 2 */
#endif
#ifndef NE
#define NE 2 /* events a partition */
#endif
#ifndef NC
#define NC 3 /* chains that may be drawn */
#endif
#ifndef NN
#define NN 2 /* numbers a chain */
#endif
#ifndef D
#define D 2 /* numbers begun above the last COMMITTED one; depth of the fence */
#endif
#ifndef RB
#define RB 2 /* assignments after the first */
#endif

/* ---- budgets of faults, all sorts of them 0 unless a configuration says otherwise ---- */
#ifndef X
#define X 0 /* a live member is expelled, or leaves in order */
#endif
#ifndef CR
#define CR 0 /* kill -9 */
#endif
#ifndef LA
#define LA 0 /* answer of an OffsetCommit or COMMIT lost after it was applied */
#endif
#ifndef LF
#define LF 0 /* LOAD without an answer; it may arrive late */
#endif
#ifndef FE
#define FE 0 /* FE restart: open transactions are cancelled */
#endif
#ifndef TMO
#define TMO 0 /* one open transaction times out */
#endif
#ifndef F15
#define F15 0
#endif
#ifndef F24
#define F24 0
#endif
#ifndef F25
#define F25 0
#endif
#ifndef STRAY
#define STRAY 0 /* F11: commit of an old assignment, sent as a live member */
#endif
#ifndef EVICT
#define EVICT 0 /* the sink forgets a final label */
#endif
#ifdef STOP_ALLOWED /* a STOP is an answer; without it a STOP is an error */
#define STOP_OK 1
#else
#define STOP_OK 0
#endif
#if F25 || STRAY
#define HELD
#endif

/* ---- states of a member: the step that comes next ---- */
#define OUT 0       /* no member; nothing in memory */
#define JOINING 1   /* JoinGroup sent, nothing held */
#define DEAD 2      /* killed; the coordinator does not know yet */
#define R_A 3       /* 8.3 a: committed offsets and metadata */
#define R_B 4       /* 8.3 b: registry and ledger rows */
#define R_C 5       /* 8.3 c: fence */
#define R_D 6       /* 8.3 d: wait for VISIBLE, ledger rows, overtaken test */
#define R_E 7       /* 8.3 e: settle */
#define R_F 8       /* 8.3 f: start */
#define ANN_SINK 9  /* 0: registry rows */
#define ANN_KAFKA 10 /* 0: commit with the chain in force */
#define IDLE 11     /* 1: cut, BEGIN, LOAD; 5 */
#define UNDO 12     /* 1: failed; ROLLBACK */
#define LOADED 13   /* 2: guard */
#define SEND 14     /* 3, 3a */
#define COMMIT 15   /* 4 */
#define SPENT 16    /* no chain left: the bound of this model */

/* ---- states of a label at the sink ---- */
#define L_UNKNOWN 0
#define L_OPEN 1
#define L_COMMITTED 2
#define L_VISIBLE 3
#define L_ABORTED 4

#define NL (NC * NN)
#define LB(c, n) (((c) - 1) * NN + (n) - 1)
#define LP(l, p) ((l) * NP + (p))
#define RG(c, p) (((c) - 1) * NP + (p))
#define MP(m, p) ((m) * NP + (p))
#ifdef PIPE
#define NK 3
#else
#define NK 2
#endif
#define MARK(k, m, p) mark[(k) * NM * NP + (m) * NP + (p)]
#define POS(m, p) MARK(0, m, p)
#define AEND(m, p) MARK(1, m, p)
#define BEND(m, p) MARK(2, m, p)
#define HAS(set, i) (((set) >> (i)) & 1)
#define ALL_P ((1 << NP) - 1)
#define FULL ((1 << NE) - 1)

/* ---- Kafka ---- */
byte com[NP], lc[NP], ln[NP], ks[NP]; /* committed offset; last = (C,n); start */
bit valid[NM];                        /* the coordinator knows this member id and generation */
bit inj[NM];                          /* waits in JoinGroup */
byte rb;                              /* assignments made */
#ifdef HELD
byte hm, hset, hc[NP], hl[NP], hn[NP], hs[NP]; /* one OffsetCommit held back; hm = sender + 1 */
bit hstray;
#endif

/* ---- sink ---- */
byte lst[NL], lrs[NL * NP], lre[NL * NP];   /* labels: state, rows of offsets [lrs, lre) */
byte reg[NC * NP], regs[NC * NP];           /* registry: 0 none, 1 open, 2 closed; start */
byte E[NP], Ec[NP], En[NP];                 /* ledger rows: end, chain, number */
byte vis[NP];                               /* bit set of visible offsets */
chan pub = [2] of { byte };                 /* COMMITTED, not yet VISIBLE, in the order of COMMIT */
byte drawn;                                 /* chains drawn */
#if LF
byte dl;       /* a LOAD on its way: label + 1 */
byte dls[NP], dle[NP];
bit twice[NL]; /* the label holds rows of a LOAD that came late as well */
#endif

/* ---- members ---- */
byte st[NM], mine[NM];
bit cs[NM];                        /* the client's generation is -1, unlike at assignment */
byte ch[NM], nn[NM], cn[NM];       /* chain; last number begun; last COMMITTED one */
byte ua[NM];                       /* unit to be decided */
byte mark[NK * NM * NP];           /* POS, AEND: its range; POS = next to be loaded without a unit */
bit rep[NM];                       /* the next unit is a replay with exactly this range */
#ifdef PIPE
byte ub[NM];                       /* unit n+1, already loaded: AEND, BEND */
bit bdec[NM];
#endif
byte kc[NM * NP], kl[NM * NP], kn[NM * NP], kt[NM * NP]; /* what step a read */
byte grp[NM], pg[NM], pp[NM];      /* partitions still to be settled; P; P+ */
byte fm[NM], fc[NM], fn[NM], fk[NM];
short wm[NM];                      /* labels found COMMITTED by the fence */
bit ot[NM], res[NM], rr[NM];       /* overtaken; (C,n) is COMMITTED; second run before a STOP */
byte bm[NM];                       /* registry rows of ours that step b found open */

/* ---- budgets left ---- */
byte x_left = X, cr_left = CR, la_left = LA, lf_left = LF, fe_left = FE, tmo_left = TMO;
byte f15_left = F15, f24_left = F24, f25_left = F25, stray_left = STRAY, ev_left = EVICT;
bit stopped;

/* Scratch of one atomic step. */
hidden byte i, j, l, g, cut;
hidden byte flag;

#define AT(s) (!stopped && st[m] == s)
#define EMPTY (!valid[0] && !valid[1] && !inj[0] && !inj[1])
#define ACCEPTED ((!cs[m] && valid[m]) || (cs[m] && EMPTY))
#define OTHER_JOINS (inj[1 - m])
#define ACTIVE (st[m] >= R_A && st[m] != SPENT)

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
        :: HAS(mine[m], i) && MARK(k, m, i) + 1 < NE -> MARK(k + 1, m, i) = MARK(k, m, i) + 2; cut = 1
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

/* ---- 8.3 ---- */

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

/* ---- 0, 5 ---- */

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

init
{
    atomic {
        valid[0] = 1; mine[0] = ALL_P; st[0] = R_A;
        run Member(0); run Member(1); run World(); run Oracle()
    }
}
