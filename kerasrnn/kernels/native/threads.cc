// A few threads of our own, shared by all calls. A call queues its job, works
// on it itself and returns when every task is done; idle threads help. Nobody
// waits for a helper that has not begun, so that a busy or missing thread
// costs speed only. Threads start when they are first wanted and never end.

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>

#include "problem.h"

namespace kerasrnn {
namespace {

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
      job.task(job.context, index);
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
      for (; threads_ < wanted; ++threads_)
        std::thread([this] { help(); }).detach();
    } catch (const std::system_error&) {
      // No more threads to be had: the caller does the work.
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  Job* queue_ = nullptr;
  int64_t threads_ = 0;
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
    for (int64_t i = 0; i < tasks; ++i) task(context, i);
    return;
  }
  Job job{task, context, tasks, helpers};
  pool().run(job);
}

void* allocate(int64_t bytes) {
  if (bytes < 0) return nullptr;
  return std::aligned_alloc(64, static_cast<size_t>((bytes + 127) / 64 * 64));
}

void release(void* memory) { std::free(memory); }

}  // namespace kerasrnn
