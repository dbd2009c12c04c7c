// A few threads of our own, shared by all calls. A call queues its job, works
// on it itself and returns when every task is done; idle threads help. Nobody
// waits for a helper that has not begun, so that a busy or missing thread
// costs speed only. Threads start when they are first wanted and never end.

#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif
#ifdef __linux__
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#endif

#include "problem.h"
#include "team.h"

namespace kerasrnn {
namespace {

// Subnormal numbers are zero while this lives, as in TensorFlow's own threads:
// a gradient that vanishes over a long sequence costs thirty times as much
// otherwise, and results would depend on the thread.
class FlushSubnormals {
#if defined(__SSE2__)
 public:
  FlushSubnormals() : before_(_mm_getcsr()) {
    _mm_setcsr(before_ | kFlushToZero | kSubnormalsAreZero);
  }
  ~FlushSubnormals() { _mm_setcsr(before_); }

 private:
  static constexpr unsigned kFlushToZero = 1 << 15, kSubnormalsAreZero = 1 << 6;
  unsigned before_;
#elif defined(__aarch64__)
 public:
  FlushSubnormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    set(before_ | kFlushToZero);
  }
  ~FlushSubnormals() { set(before_); }

 private:
  // Of operands and results.
  static constexpr uint64_t kFlushToZero = 1 << 24;
  static void set(uint64_t control) {
    asm volatile("msr fpcr, %0" : : "r"(control));
  }
  uint64_t before_;
#endif
};

void run_task(void (*task)(void*, int64_t), void* context, int64_t index) {
  [[maybe_unused]] FlushSubnormals flush;
  task(context, index);
}

struct Job {
  void (*task)(void*, int64_t);
  void* context;
  int64_t tasks;
  int64_t helpers_left;  // threads that may still join
  int64_t next = 0, done = 0;
  Job* after = nullptr;
};

class Pool {
 public:
  void run(Job& job) {
    std::unique_lock<std::mutex> lock(mutex_);
    start_threads(job.helpers_left);
    keep_off_this_core();
    Job** end = &queue_;
    while (*end != nullptr) end = &(*end)->after;
    *end = &job;
    for (int64_t i = 0; i < job.helpers_left; ++i) wake_.notify_one();
    work(job, lock);
    for (Job** at = &queue_; *at != nullptr; at = &(*at)->after)
      if (*at == &job) {
        *at = job.after;
        break;
      }
    finished_.wait(lock, [&] { return job.done == job.tasks; });
  }

 private:
  // Called with the lock held; gives it up while a task runs.
  void work(Job& job, std::unique_lock<std::mutex>& lock) {
    while (job.next < job.tasks) {
      int64_t index = job.next++;
      lock.unlock();
      run_task(job.task, job.context, index);
      lock.lock();
      if (++job.done == job.tasks) finished_.notify_all();
    }
  }

  Job* joinable() {
    for (Job* job = queue_; job != nullptr; job = job->after)
      if (job->helpers_left > 0 && job->next < job->tasks) return job;
    return nullptr;
  }

  void help() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      Job* job = nullptr;
      wake_.wait(lock, [&] { return (job = joinable()) != nullptr; });
      --job->helpers_left;
      work(*job, lock);
    }
  }

  void start_threads(int64_t wanted) {
    try {
      while (static_cast<int64_t>(threads_.size()) < wanted) {
        threads_.emplace_back([this] { help(); });
        core_ = -1;
      }
    } catch (const std::exception&) {
      // No more threads or memory to be had: the caller does the work.
    }
  }

  // A thread that wakes is often put on the core that woke it, and waits there
  // for milliseconds while another core idles. So helpers keep off the
  // caller's.
  void keep_off_this_core() {
#ifdef __linux__
    const int core = sched_getcpu();
    if (core == core_) return;
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    if (CPU_COUNT(&allowed) > 1 && core >= 0) CPU_CLR(core, &allowed);
    for (std::thread& thread : threads_)
      pthread_setaffinity_np(thread.native_handle(), sizeof allowed, &allowed);
    core_ = core;
#endif
  }

  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  Job* queue_ = nullptr;
  std::vector<std::thread> threads_;
  [[maybe_unused]] int core_ = -1;  // which the threads keep off
};

// Never destroyed: its threads may outlive main.
Pool& pool() {
  static Pool& instance = *new Pool;
  return instance;
}

}  // namespace

void parallel(int threads, int64_t tasks, void (*task)(void*, int64_t),
              void* context) {
  int64_t helpers = (threads < tasks ? threads : tasks) - 1;
  if (helpers <= 0) {
    for (int64_t i = 0; i < tasks; ++i) run_task(task, context, i);
    return;
  }
  Job job{task, context, tasks, helpers};
  pool().run(job);
}

namespace {

// Looks again a moment later; after a while others may have the core first.
class Wait {
 public:
  void look_again() {
    if (++looks_ % kLooks == 0) {
      std::this_thread::yield();
      return;
    }
#if defined(__SSE2__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

 private:
  static constexpr unsigned kLooks = 1024;
  unsigned looks_ = 0;
};

}  // namespace

void Team::run(void (*work)(void*, int64_t), void* context) {
  work_ = work;
  context_ = context;
  const int64_t round = round_.load(std::memory_order_relaxed) + 1;
  round_.store(round, std::memory_order_release);
  this->work(round, 0);
  for (int64_t i = 0; i < count_; ++i)
    for (Wait wait; pieces_[i].done.load(std::memory_order_acquire) != round;)
      wait.look_again();
}

void Team::end() { round_.store(kEnd, std::memory_order_release); }

void Team::follow(int64_t piece) {
  int64_t seen = 0;
  for (Wait wait;;) {
    const int64_t round = round_.load(std::memory_order_acquire);
    if (round == kEnd) return;
    if (round == seen) {
      wait.look_again();
      continue;
    }
    work(round, piece);
    seen = round;
    wait = Wait();
  }
}

// Whoever takes a piece of a round keeps it from ending, and so `work_` from
// changing.
void Team::work(int64_t round, int64_t first) {
  for (int64_t i = 0; i < count_; ++i) {
    const int64_t index = (first + i) % count_;
    int64_t before = round - 1;
    if (!pieces_[index].taken.compare_exchange_strong(
            before, round, std::memory_order_acq_rel))
      continue;
    work_(context_, index);
    pieces_[index].done.store(round, std::memory_order_release);
  }
}

void* allocate(int64_t bytes) {
  if (bytes < 0) return nullptr;
  return std::aligned_alloc(64, static_cast<size_t>((bytes + 127) / 64 * 64));
}

void release(void* memory) { std::free(memory); }

void prefer_large_pages([[maybe_unused]] void* memory,
                        [[maybe_unused]] int64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr uintptr_t kPage = 1 << 21;
  constexpr int64_t kFromTheSystem = 32 << 20;
  if (bytes < kFromTheSystem) return;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (begin + kPage - 1) / kPage * kPage;
  const uintptr_t last =
      (begin + static_cast<uintptr_t>(bytes)) / kPage * kPage;
  // A hint: where it fails, pages are small.
  madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

}  // namespace kerasrnn
