/* The exactly-once protocol, MULTI mode: one label a unit over all tables, COMMIT is its only step.
 * Purpose: every offset visible exactly once, or the pipeline stopped, whatever fails.
 * Shape: NP, NE, NC, NN, D, RB bound what can happen; X, CR, LA, LF, FE, TMO, F15, F24, F25, STRAY,
 * EVICT are budgets of faults; PIPE, CUT_ALL widen; M_... break the protocol on purpose.
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
byte mark[NK * NM * NP];           /* POS, AEND: its range; without a unit, POS = next */
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

#include "units.pml"
#include "recovery.pml"
#include "member.pml"
#include "world.pml"

init
{
    atomic {
        valid[0] = 1; mine[0] = ALL_P; st[0] = R_A;
        run Member(0); run Member(1); run World(); run Oracle()
    }
}
