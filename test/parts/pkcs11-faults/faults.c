/*
 * A PKCS#11 module that hands every call on to a real one, counts it, and does to it what the control file orders (control.h,
 * README.md). The control file lies beside the library, as LIBRARY.control: a copy of the library is one more token.
 *
 * Every argument of every function is an unsigned long, a pointer or a CK_BBOOL. On the 64-bit systems that we run on each of
 * them is one word, so that one body serves all functions; where a session or an object is among them, calls.def says so.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include "control.h"

typedef unsigned long ulong_t;
typedef ulong_t rv_t;

enum {
  ckr_ok = 0x00,
  ckr_general_error = 0x05,
  ckr_device_error = 0x30,
  ckr_device_removed = 0x32,
  ckr_object_handle_invalid = 0x82,
  ckr_session_handle_invalid = 0xb3,
  ckr_token_not_present = 0xe0,
};

#define CALL(name, arity, session, objects) at_##name,
enum call {
#include "calls.def"
  call_count
};
#undef CALL

struct shape {
  int arity, session;
  unsigned objects;
};
#define CALL(name, arity, session, objects) {arity, session, objects},
static const struct shape shapes[call_count] = {
#include "calls.def"
};
#undef CALL

typedef rv_t (*function)(void);
struct function_list {
  unsigned char major, minor;
  function calls[call_count];
};

static struct control *control;
static struct function_list *real;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t lane_free = PTHREAD_COND_INITIALIZER;
static uint64_t lanes_taken, next_start_us;
static atomic_int void_until_initialised;

static uint64_t now_us(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000000u + (uint64_t)at.tv_nsec / 1000u;
}

static void sleep_until(uint64_t when_us) {
  struct timespec at = {(time_t)(when_us / 1000000u), (long)(when_us % 1000000u) * 1000};
  prctl(PR_SET_TIMERSLACK, 1000); /* of this thread; the 50 us of the default would be 5 % of a millisecond */
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0) continue;
}

/* Takes one off a counter that is not yet 0. */
static int take(word *counter) {
  uint64_t left = atomic_load(counter);
  while (left > 0)
    if (atomic_compare_exchange_weak(counter, &left, left - 1)) return 1;
  return 0;
}

static void stop_where_ordered(struct rule *rule) {
  if (!take(&rule->hang)) return;
  uint64_t generation = atomic_load(&control->released);
  while (atomic_load(&control->released) == generation) sleep_until(now_us() + 5000);
}

static rv_t failure_ordered(struct rule *rule) {
  rv_t code = (rv_t)atomic_load(&rule->code);
  if (code == ckr_ok || take(&rule->skip)) return ckr_ok;
  uint64_t millionths = atomic_load(&rule->millionths);
  if (millionths < 1000000u && (uint64_t)(drand48() * 1e6) >= millionths) return ckr_ok;
  return take(&rule->times) ? code : ckr_ok;
}

/* What a lost token answers. Presence only goes away here; it comes back through C_Initialize. */
static rv_t loss(enum call at) {
  uint64_t presence = atomic_load(&control->presence);
  if (presence != present) atomic_store(&void_until_initialised, 1);
  if (!atomic_load(&void_until_initialised)) return ckr_ok;
  if (at == at_C_Initialize) return presence == dead ? ckr_device_error : ckr_ok;
  if (at == at_C_Finalize || at == at_C_GetInfo || at == at_C_GetSlotList) return ckr_ok;
  return shapes[at].session ? ckr_device_removed : ckr_token_not_present;
}

/* Handles carry the epoch in their upper half, so that one of an earlier C_Initialize is seen for what it is. */
static ulong_t outward(ulong_t handle) { return handle | (ulong_t)atomic_load(&control->epoch) << 32; }

static int inward(ulong_t *handle) {
  if (*handle >> 32 != atomic_load(&control->epoch)) {
    atomic_fetch_add(&control->stale_handles, 1);
    return 0;
  }
  *handle &= 0xffffffffu;
  return 1;
}

static rv_t read_handles(enum call at, ulong_t *arguments) {
  if (shapes[at].session && !inward(&arguments[0])) return ckr_session_handle_invalid;
  for (int i = 0; i < shapes[at].arity; i++)
    if (shapes[at].objects >> i & 1 && !inward(&arguments[i])) return ckr_object_handle_invalid;
  return ckr_ok;
}

static void write_handles(enum call at, const ulong_t *arguments) {
  ulong_t *handle = (ulong_t *)arguments[shapes[at].arity - 1];
  switch (at) {
    case at_C_FindObjects:
      for (ulong_t i = 0; i < *handle; i++) ((ulong_t *)arguments[1])[i] = outward(((ulong_t *)arguments[1])[i]);
      return;
    case at_C_GenerateKeyPair:
      *(ulong_t *)arguments[6] = outward(*(ulong_t *)arguments[6]);
      /* fall through */
    case at_C_OpenSession: case at_C_CreateObject: case at_C_CopyObject: case at_C_GenerateKey:
    case at_C_UnwrapKey: case at_C_DeriveKey:
      *handle = outward(*handle);
      return;
    default:
      return;
  }
}

/* Sessions that are in a call now: an application must not use one twice at a time (PKCS#11 v2.40 base, 5.10). */
static ulong_t in_call[256];

static void enter_session(ulong_t session) {
  pthread_mutex_lock(&lock);
  int place = -1;
  for (int i = 0; i < 256; i++) {
    if (in_call[i] == session) atomic_fetch_add(&control->overlaps, 1);
    if (in_call[i] == 0 && place < 0) place = i;
  }
  if (place >= 0) in_call[place] = session;
  pthread_mutex_unlock(&lock);
}

static void leave_session(ulong_t session) {
  pthread_mutex_lock(&lock);
  for (int i = 0; i < 256; i++)
    if (in_call[i] == session) {
      in_call[i] = 0;
      break;
    }
  pthread_mutex_unlock(&lock);
}

/* Waits for one of the token's lanes and for its turn. */
static void enter_lane(void) {
  pthread_mutex_lock(&lock);
  uint64_t parallel;
  while ((parallel = atomic_load(&control->parallel)) > 0 && lanes_taken >= parallel)
    pthread_cond_wait(&lane_free, &lock);
  lanes_taken += 1;
  if (lanes_taken > atomic_load(&control->most_parallel)) atomic_store(&control->most_parallel, lanes_taken);
  uint64_t interval = atomic_load(&control->interval_us), start = now_us();
  if (interval > 0) {
    if (next_start_us > start) start = next_start_us;
    next_start_us = start + interval;
  }
  pthread_mutex_unlock(&lock);
  if (interval > 0) sleep_until(start);
}

static void leave_lane(void) {
  pthread_mutex_lock(&lock);
  lanes_taken -= 1;
  pthread_cond_signal(&lane_free);
  pthread_mutex_unlock(&lock);
}

static rv_t hand_on(enum call at, const ulong_t *a) {
  function to = real->calls[at];
  switch (shapes[at].arity) {
    case 1: return ((rv_t(*)(ulong_t))to)(a[0]);
    case 2: return ((rv_t(*)(ulong_t, ulong_t))to)(a[0], a[1]);
    case 3: return ((rv_t(*)(ulong_t, ulong_t, ulong_t))to)(a[0], a[1], a[2]);
    case 4: return ((rv_t(*)(ulong_t, ulong_t, ulong_t, ulong_t))to)(a[0], a[1], a[2], a[3]);
    case 5: return ((rv_t(*)(ulong_t, ulong_t, ulong_t, ulong_t, ulong_t))to)(a[0], a[1], a[2], a[3], a[4]);
    case 6:
      return ((rv_t(*)(ulong_t, ulong_t, ulong_t, ulong_t, ulong_t, ulong_t))to)(a[0], a[1], a[2], a[3], a[4], a[5]);
    default:
      return ((rv_t(*)(ulong_t, ulong_t, ulong_t, ulong_t, ulong_t, ulong_t, ulong_t, ulong_t))to)(
          a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
  }
}

static rv_t perform(enum call at, ulong_t *arguments) {
  struct rule *rule = &control->rules[at];
  uint64_t started = now_us();
  stop_where_ordered(rule);
  rv_t result = failure_ordered(rule);
  if (result == ckr_ok) result = loss(at);
  if (result == ckr_ok) result = hand_on(at, arguments);
  uint64_t latency = atomic_load(&rule->latency_us);
  if (latency > 0) sleep_until(started + latency);
  return result;
}

static rv_t sign(ulong_t *arguments) {
  enter_lane();
  rv_t result = perform(at_C_Sign, arguments);
  leave_lane();
  unsigned char *signature = (unsigned char *)arguments[3];
  if (result == ckr_ok && signature != NULL && take(&control->flips)) signature[0] ^= 1;
  return result;
}

static void initialised(void) {
  atomic_fetch_add(&control->epoch, 1);
  uint64_t was = blip;
  atomic_compare_exchange_strong(&control->presence, &was, present);
  if (atomic_load(&control->presence) == present) atomic_store(&void_until_initialised, 0);
}

static rv_t called(enum call at, ulong_t *arguments) {
  atomic_fetch_add(&control->rules[at].calls, 1);
  rv_t flaw = read_handles(at, arguments);
  if (flaw != ckr_ok) return atomic_load(&void_until_initialised) || loss(at) != ckr_ok ? (rv_t)ckr_device_removed : flaw;
  if (shapes[at].session) enter_session(arguments[0]);
  rv_t result = at == at_C_Sign ? sign(arguments) : perform(at, arguments);
  if (shapes[at].session) leave_session(arguments[0]);
  if (result != ckr_ok) return result;
  if (at == at_C_Initialize) initialised();
  if (at == at_C_GetSlotList && atomic_load(&control->presence) == absent) *(ulong_t *)arguments[2] = 0;
  write_handles(at, arguments);
  return ckr_ok;
}

rv_t C_GetFunctionList(struct function_list **list);

#define P(n) ulong_t a##n
#define CALL(name, arity, session, objects) CALL_##arity(name)
#define BODY(name, ...) { ulong_t a[] = {__VA_ARGS__}; return called(at_##name, a); }
#define CALL_1(name) static rv_t ours_##name(P(0)) BODY(name, a0)
#define CALL_2(name) static rv_t ours_##name(P(0), P(1)) BODY(name, a0, a1)
#define CALL_3(name) static rv_t ours_##name(P(0), P(1), P(2)) BODY(name, a0, a1, a2)
#define CALL_4(name) static rv_t ours_##name(P(0), P(1), P(2), P(3)) BODY(name, a0, a1, a2, a3)
#define CALL_5(name) static rv_t ours_##name(P(0), P(1), P(2), P(3), P(4)) BODY(name, a0, a1, a2, a3, a4)
#define CALL_6(name) static rv_t ours_##name(P(0), P(1), P(2), P(3), P(4), P(5)) BODY(name, a0, a1, a2, a3, a4, a5)
#define CALL_8(name) \
  static rv_t ours_##name(P(0), P(1), P(2), P(3), P(4), P(5), P(6), P(7)) BODY(name, a0, a1, a2, a3, a4, a5, a6, a7)
#include "calls.def"
#undef CALL

#define CALL(name, arity, session, objects) (function)ours_##name,
static struct function_list ours = {2, 40, {
#include "calls.def"
}};
#undef CALL

static struct control *map_control(void) {
  Dl_info self;
  char path[4096];
  if (dladdr((void *)C_GetFunctionList, &self) == 0 || strlen(self.dli_fname) > sizeof path - 16) return NULL;
  strcat(strcpy(path, self.dli_fname), ".control");
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return NULL;
  void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return mapped == MAP_FAILED ? NULL : mapped;
}

rv_t C_GetFunctionList(struct function_list **list) {
  pthread_mutex_lock(&lock);
  if (control == NULL) control = map_control();
  if (control != NULL && real == NULL) {
    if (control->softhsm_conf[0] != 0) setenv("SOFTHSM2_CONF", control->softhsm_conf, 1);
    void *library = dlopen(control->real_module, RTLD_NOW | RTLD_DEEPBIND);
    rv_t (*get)(struct function_list **) = library ? (rv_t(*)(struct function_list **))dlsym(library, "C_GetFunctionList") : NULL;
    if (get == NULL || get(&real) != ckr_ok) real = NULL;
    ours.calls[at_C_GetFunctionList] = (function)C_GetFunctionList;
  }
  pthread_mutex_unlock(&lock);
  if (real == NULL) return ckr_general_error;
  *list = &ours;
  return ckr_ok;
}
