/*
 * The control file, mapped by the module and read and written at these places by pkcs11-faults.ts: 64-bit words in the
 * machine's order. Words that the controller writes are only counted down here; counters are only counted up.
 */
#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t word;

enum { most_calls = 80, text_bytes = 512 };

/* What one function is to do. */
struct rule {
  word latency_us; /* the call takes at least this long */
  word hang;       /* so many calls stop until `released` changes */
  word code;       /* the CK_RV that failing calls return; 0: none fails */
  word skip;       /* so many calls go well first */
  word times;      /* so many calls fail then */
  word millionths; /* each of them with this probability */
  word calls;      /* counter */
};

struct control {
  char real_module[text_bytes];
  char softhsm_conf[text_bytes]; /* put into the environment of the real module, where it is not empty */
  word released;                 /* generation: whoever hangs goes on when it changes */
  word parallel;                 /* C_Sign at the same time; 0: as many as come */
  word interval_us;              /* between the starts of two C_Sign; 0: none */
  word flips;                    /* so many signatures get one bit flipped */
  word presence;                 /* enum presence */
  word epoch;                    /* counter of successful C_Initialize: handles of earlier ones are void */
  word stale_handles;            /* counter of calls with such a handle */
  word overlaps;                 /* counter of calls on a session that was in a call */
  word most_parallel;            /* the most C_Sign at the same time so far */
  word unused[7];
  struct rule rules[most_calls];
};

/* present; a blip: all is void until C_Initialize, which mends it; absent: no token in the slot; dead: not even C_Initialize */
enum presence { present, blip, absent, dead };
