// Threads that work in rounds, for work of which each round needs the one
// before: the steps of one row. They wait for each other awake, since a step
// takes microseconds.
//
// One thread leads. It cuts each round into pieces and takes any that nobody
// has taken, so that it waits only for those that have begun: a busy or missing
// thread costs speed only. The others follow; each begins with a piece of its
// own, whose weights stay in its cache.

#ifndef KERASRNN_TEAM_H_
#define KERASRNN_TEAM_H_

#include <atomic>
#include <cstdint>

namespace kerasrnn {

constexpr int64_t kMostPieces = 8;

class Team {
 public:
  // 1 <= pieces <= kMostPieces.
  explicit Team(int64_t pieces) : count_(pieces) {}
  int64_t pieces() const { return count_; }

  // The leader's: work(context, 0 .. pieces - 1), by all; back when it is done.
  void run(void (*work)(void*, int64_t), void* context);
  // Sends the followers home.
  void end();
  // A follower's, 1 .. pieces - 1: takes part until the leader ends.
  void follow(int64_t piece);

 private:
  // The last round in which it was taken, and done; on a line of its own.
  struct alignas(64) Piece {
    std::atomic<int64_t> taken{0}, done{0};
  };
  static constexpr int64_t kEnd = -1;

  void work(int64_t round, int64_t first);

  const int64_t count_;
  void (*work_)(void*, int64_t) = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<int64_t> round_{0};
  Piece pieces_[kMostPieces];
};

}  // namespace kerasrnn

#endif  // KERASRNN_TEAM_H_
