/* A CUDA driver without a GPU: the functions that headrace uses, and a copy engine that can be held.
 *
 * A copy from registered memory reads its source when its stream is not held, on a thread of the
 * driver's; one from other memory is done before the call returns, as in CUDA. With -DOLD_DRIVER it
 * is one of before CUDA 12.5. HEADRACE_CUDA_DRIVER names the library; the functions fake_... steer
 * and watch it. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { SUCCESS = 0, INVALID_VALUE = 1, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_CONTEXT = 201,
       OUT_OF_MEMORY = 2, ALREADY_REGISTERED = 712, NOT_REGISTERED = 713, NOT_READY = 600,
       CAPTURE_UNSUPPORTED = 900 };
enum { RELAXED = 2, MOST_DEVICES = 8, MOST_COPIES = 1 << 16, MOST_RANGES = 1 << 12, MOST_STREAMS = 8 };

typedef struct { int active; } Context;
typedef struct { Context* context; int behind; } Event; /* all copies of the context before this one */
typedef struct { Context* context; int stream; void* target; const void* source; size_t size; int done; } Copy;
typedef struct { const char* begin; size_t size; } Range;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int initialized, engine_runs, capturing;
static Context primaries[MOST_DEVICES];
static Copy copies[MOST_COPIES];
static int copy_count;
static int held[MOST_STREAMS];
static Range ranges[MOST_RANGES];
static int range_count;
static size_t limit = SIZE_MAX;
static struct { long registrations, unregistrations, bytes, marks, waits, contexts, spoilt; } counts;
static _Thread_local Context* stack[16];
static _Thread_local int depth;
static _Thread_local int capture_mode; /* global */

static int devices(void) {
  const char* given = getenv("FAKE_CUDA_DEVICES");
  return given ? atoi(given) : 2;
}

static int done(const Context* context, int behind) {
  for (int i = 0; i < behind; ++i)
    if (copies[i].context == context && !copies[i].done) return 0;
  return 1;
}

/* A call that a capture in another thread forbids, unless this one says that it knows. */
static int forbidden(void) {
  if (!capturing || capture_mode == RELAXED) return 0;
  ++counts.spoilt;
  return 1;
}

EXPORT int cuInit(unsigned flags) {
  (void)flags;
  if (devices() == 0) return NO_DEVICE;
  initialized = 1;
  return SUCCESS;
}

EXPORT int cuDeviceGetCount(int* count) {
  if (!initialized) return NOT_INITIALIZED;
  *count = devices();
  return SUCCESS;
}

EXPORT int cuDevicePrimaryCtxGetState(int device, unsigned* flags, int* active) {
  pthread_mutex_lock(&mutex);
  *flags = 0;
  *active = primaries[device].active;
  pthread_mutex_unlock(&mutex);
  return SUCCESS;
}

EXPORT int cuDevicePrimaryCtxRetain(Context** context, int device) {
  pthread_mutex_lock(&mutex);
  if (!primaries[device].active) ++counts.contexts;
  primaries[device].active = 1;
  *context = &primaries[device];
  pthread_mutex_unlock(&mutex);
  return SUCCESS;
}

EXPORT int cuCtxPushCurrent_v2(Context* context) {
  stack[depth++] = context;
  return SUCCESS;
}

EXPORT int cuCtxPopCurrent_v2(Context** context) {
  if (depth == 0) return INVALID_CONTEXT;
  *context = stack[--depth];
  return SUCCESS;
}

EXPORT int cuMemHostRegister_v2(void* memory, size_t size, unsigned flags) {
  if (depth == 0) return INVALID_CONTEXT;
  if (flags != 1 || (uintptr_t)memory % 4096 || size % 4096) return INVALID_VALUE; /* portable */
  pthread_mutex_lock(&mutex);
  int answer = SUCCESS;
  const char* begin = memory;
  if (forbidden()) answer = CAPTURE_UNSUPPORTED;
  else if ((size_t)counts.bytes + size > limit || range_count == MOST_RANGES) answer = OUT_OF_MEMORY;
  for (int i = 0; i < range_count && answer == SUCCESS; ++i)
    if (begin < ranges[i].begin + ranges[i].size && ranges[i].begin < begin + size)
      answer = ALREADY_REGISTERED;
  if (answer == SUCCESS) {
    ranges[range_count++] = (Range){begin, size};
    ++counts.registrations;
    counts.bytes += (long)size;
  }
  pthread_mutex_unlock(&mutex);
  return answer;
}

EXPORT int cuMemHostUnregister(void* memory) {
  if (depth == 0) return INVALID_CONTEXT;
  pthread_mutex_lock(&mutex);
  int answer = forbidden() ? CAPTURE_UNSUPPORTED : NOT_REGISTERED;
  for (int i = 0; i < range_count && answer == NOT_REGISTERED; ++i) {
    if (ranges[i].begin != memory) continue;
    counts.bytes -= (long)ranges[i].size;
    ++counts.unregistrations;
    ranges[i] = ranges[--range_count];
    answer = SUCCESS;
  }
  pthread_mutex_unlock(&mutex);
  return answer;
}

EXPORT int cuCtxSynchronize(void) {
  if (depth == 0) return INVALID_CONTEXT;
  pthread_mutex_lock(&mutex);
  ++counts.waits;
  int answer = SUCCESS;
  if (capturing) {
    ++counts.spoilt;
    answer = CAPTURE_UNSUPPORTED;
  }
  const int behind = copy_count;
  while (answer == SUCCESS && !done(stack[depth - 1], behind)) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
  return answer;
}

EXPORT int cuEventCreate(Event** event, unsigned flags) {
  if (depth == 0) return INVALID_CONTEXT;
  (void)flags;
  *event = calloc(1, sizeof(Event));
  (*event)->context = stack[depth - 1];
  return SUCCESS;
}

EXPORT int cuEventQuery(Event* event) {
  if (depth == 0) return INVALID_CONTEXT;
  pthread_mutex_lock(&mutex);
  const int answer = forbidden() ? CAPTURE_UNSUPPORTED
                     : done(event->context, event->behind) ? SUCCESS : NOT_READY;
  pthread_mutex_unlock(&mutex);
  return answer;
}

#ifndef OLD_DRIVER
EXPORT int cuCtxRecordEvent(Context* context, Event* event) {
  if (event->context != context) return INVALID_VALUE;
  pthread_mutex_lock(&mutex);
  int answer = SUCCESS;
  if (capturing) {
    ++counts.spoilt;
    answer = CAPTURE_UNSUPPORTED;
  } else {
    ++counts.marks;
    event->behind = copy_count;
  }
  pthread_mutex_unlock(&mutex);
  return answer;
}
#endif

EXPORT int cuThreadExchangeStreamCaptureMode(int* mode) {
  const int before = capture_mode;
  capture_mode = *mode;
  *mode = before;
  return SUCCESS;
}

/* --- what a program would do with the GPU --- */

EXPORT void fake_use(int device) { /* makes its primary context active */
  pthread_mutex_lock(&mutex);
  primaries[device].active = 1;
  pthread_mutex_unlock(&mutex);
}

static void* engine(void* unused) {
  (void)unused;
  pthread_mutex_lock(&mutex);
  for (;;) {
    for (int i = 0; i < copy_count; ++i) {
      if (copies[i].done || held[copies[i].stream]) continue;
      memcpy(copies[i].target, copies[i].source, copies[i].size);
      copies[i].done = 1;
      pthread_cond_broadcast(&changed);
    }
    pthread_cond_wait(&changed, &mutex);
  }
  return NULL;
}

/* cudaMemcpyAsync to "device" memory. */
EXPORT int fake_copy(int device, int stream, void* target, const void* source, size_t size) {
  pthread_mutex_lock(&mutex);
  int registered = 0;
  for (int i = 0; i < range_count; ++i)
    registered |= ranges[i].begin <= (const char*)source &&
                  (const char*)source + size <= ranges[i].begin + ranges[i].size;
  if (registered) {
    copies[copy_count++] = (Copy){&primaries[device], stream, target, source, size, 0};
    pthread_t thread;
    if (!engine_runs) engine_runs = pthread_create(&thread, NULL, engine, NULL) == 0 && pthread_detach(thread) == 0;
    pthread_cond_broadcast(&changed);
  } else {
    memcpy(target, source, size);
  }
  pthread_mutex_unlock(&mutex);
  return registered;
}

EXPORT void fake_hold(int stream, int hold) {
  pthread_mutex_lock(&mutex);
  held[stream] = hold;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

EXPORT void fake_wait(void) { /* for all copies */
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < MOST_DEVICES; ++i)
    while (!done(&primaries[i], copy_count)) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
}

EXPORT void fake_capture(int on) {
  pthread_mutex_lock(&mutex);
  capturing = on;
  pthread_mutex_unlock(&mutex);
}

EXPORT void fake_limit(size_t bytes) { /* of registered memory */
  pthread_mutex_lock(&mutex);
  limit = bytes;
  pthread_mutex_unlock(&mutex);
}

EXPORT long fake_count(const char* what) {
  pthread_mutex_lock(&mutex);
  const long count = !strcmp(what, "registrations") ? counts.registrations
                     : !strcmp(what, "unregistrations") ? counts.unregistrations
                     : !strcmp(what, "bytes") ? counts.bytes
                     : !strcmp(what, "marks") ? counts.marks
                     : !strcmp(what, "waits") ? counts.waits
                     : !strcmp(what, "contexts") ? counts.contexts
                     : !strcmp(what, "spoilt") ? counts.spoilt : -1;
  pthread_mutex_unlock(&mutex);
  return count;
}
