// The loop over time, forward and backward, for any cell.
//
//   1. Pack the kernels into panels, once.
//   2. Each task takes its rows of the batch through the whole sequence; rows
//      never meet, so no step waits for another thread. About kChunk (row,
//      step) pairs at a time: project their inputs by one product that reads x
//      in place, then go through their steps. A step is one product of the
//      states with the recurrent kernel, whose blocks become gates and state
//      while they are in registers. Only valid (row, step) pairs are in the
//      lists, so that masked steps cost a copy of the output.
//      A row that is alone shares its steps: each of several threads has some
//      blocks of the states, and they meet once a step (team.h).
//   3. Backward, the same in reverse; gradients of the gates' inputs replace
//      the residuals. Those of the weights are then one product each over all
//      valid pairs, split among the threads by columns.

#pragma once

#include <initializer_list>
#include <utility>

#include "gru.h"
#include "lstm.h"
#include "simple_rnn.h"

namespace kerasrnn {
namespace KERASRNN_ISA {

using Problem = kerasrnn::Problem<Scalar>;
using Forward = kerasrnn::Forward<Scalar>;
using Backward = kerasrnn::Backward<Scalar>;

constexpr int64_t kChunk = 64;

// Consecutive pieces of one allocation, each on a cache line of its own.
class Arena {
 public:
  explicit Arena(char* memory) : memory_(memory) {}
  template <class T>
  T* take(int64_t count) {
    T* piece = ready() ? reinterpret_cast<T*>(memory_ + used_) : nullptr;
    used_ += ceil_div(count * static_cast<int64_t>(sizeof(T)), 64) * 64;
    return piece;
  }
  int64_t used() const { return used_; }
  bool ready() const { return memory_ != nullptr; }

 private:
  char* memory_;
  int64_t used_ = 0;
};

// Everything a call allocates: laid out once with no memory, to measure it,
// then with memory.
template <class Make>
auto allocate_arrays(const Make& make, void** memory) {
  Arena measure(nullptr);
  make(measure);
  *memory = allocate(measure.used());
  Arena arena(static_cast<char*>(*memory));
  return make(arena);
}

struct Sizes {
  int64_t blocks, padded, record, task_rows, pairs;
};

template <class Cell>
Sizes sizes_of(const Problem& p) {
  Sizes s;
  s.blocks = ceil_div(p.units, kLanes);
  s.padded = s.blocks * kLanes;
  s.record = s.padded * Cell::kWidth;
  s.task_rows = 0;
  for (int64_t task = 0; task < p.tasks; ++task)
    s.task_rows = max(s.task_rows, p.begin[task + 1] - p.begin[task]);
  s.pairs = max(kChunk, s.task_rows);
  return s;
}

// Whether the recurrent kernel can be used as it was given: one row reads it
// once a step, in floats. Not a matter of the tasks, on which no result may
// depend.
inline bool may_be_unpacked(const Problem& p, const Sizes& s) {
  return kPerElement == 1 && p.batch == 1 && s.padded == p.units;
}
// Vectors across two lines of the cache would cost more than packing.
inline bool is_on_lines(const Scalar* weights) {
  return reinterpret_cast<uintptr_t>(weights) % 64 == 0;
}

// The vectors of the recurrent range, gate after gate, as weights have them.
template <class Cell>
void list_places(const Problem& p, const Sizes& s, Place* places) {
  const Range range = Cell::recurrent_range(s.blocks);
  for (int64_t vector = range.first; vector < range.first + range.count;
       ++vector) {
    const Column column = Cell::order(vector, s.blocks);
    places[column.gate * s.blocks + column.block] = {
        vector * kLanes, offset_of(column, p.units)};
  }
}

// body(team), by the caller, with a team where the steps are cut into pieces.
template <class Body>
void with_team(const Problem& p, const Body& body) {
  if (p.pieces <= 1) {
    body(static_cast<Team*>(nullptr));
    return;
  }
  Team team(p.pieces);
  struct Led {
    const Body& body;
    Team& team;
  } led{body, team};
  parallel(
      p.pieces, p.pieces,
      [](void* context, int64_t index) {
        const auto& [body, team] = *static_cast<Led*>(context);
        if (index > 0) {
          team.follow(index);
          return;
        }
        body(&team);
        team.end();
      },
      &led);
}

// task(context, 0 .. p.threads - 1), whoever does them.
inline void share(const Problem& p, Team* team, void (*task)(void*, int64_t),
                  void* context) {
  if (team == nullptr) {
    parallel(p.threads, p.threads, task, context);
    return;
  }
  in_pieces(team, p.threads, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) task(context, i);
  });
}

// task(context, 0 .. p.tasks - 1): rows through all steps. A team has one task,
// whose steps it shares.
inline void through_steps(const Problem& p, Team* team,
                          void (*task)(void*, int64_t), void* context) {
  if (team == nullptr) {
    parallel(p.threads, p.tasks, task, context);
  } else {
    task(context, 0);
  }
}

inline int64_t chunk_steps(int64_t rows) {
  return max(1, kChunk / max(1, rows));
}

template <class Cell>
int64_t record_floats(const Problem& p) {
  return sizes_of<Cell>(p).record;
}

// Memory for the left sides of a task's products: of each, rows and depth.
struct Rounded {
  Element* elements;
  const Element** rows;
};
inline Rounded take_rounded(
    Arena& arena, std::initializer_list<std::pair<int64_t, int64_t>> sizes) {
  int64_t elements = 0, most = 0;
  for (const auto& [rows, depth] : sizes) {
    elements = max(elements, rows * rounded_stride(depth));
    if (kPerElement > 1) most = max(most, rows);
  }
  return {arena.take<Element>(elements), arena.take<const Element*>(most)};
}
inline Panels panels_of(const Element* weights, const Rounded& rounded) {
  return {weights, rounded.elements, rounded.rows};
}

inline void copy(Scalar* to, const Scalar* from, int64_t count) {
  if (count > 0) memcpy(to, from, count * sizeof(Scalar));
}
inline void clear(Scalar* to, int64_t count) {
  if (count > 0) memset(to, 0, count * sizeof(Scalar));
}

// ---------------------------------------------------------------- forward

struct ForwardScratch {
  Scalar *h, *c, *records;
  const Scalar **x, **h_in;
  Scalar **record, **h_out, **c_in, **y, **h_now, **h_next;
  bool* started;
  Rounded rounded;
};

template <class Cell>
struct ForwardJob {
  const Problem& p;
  const Forward& f;
  Sizes sizes;
  Element* input_panels = nullptr;
  Element* recurrent_panels = nullptr;
  Scalar* input_bias = nullptr;
  Scalar* recurrent_bias = nullptr;
  Place* places = nullptr;
  Unpacked unpacked = {};
  ForwardScratch* scratch = nullptr;
  Team* team = nullptr;
};

// Task i packs its share of the rows of both kernels.
template <class Cell>
void pack_forward_task(void* context, int64_t task) {
  auto& job = *static_cast<ForwardJob<Cell>*>(context);
  const Problem& p = job.p;
  const Sizes& s = job.sizes;
  const int64_t width = Cell::kGates * p.units;
  const Range input = Cell::input_range(s.blocks);
  auto order = [&](int64_t vector) {
    return Cell::order(input.first + vector, s.blocks);
  };
  int64_t share = 0;
  // pack(begin, end) for this task's rows of so many.
  auto for_rows = [&](int64_t rows, auto pack) {
    for (int64_t row = 0; row < rows; row += kPackedRows, ++share)
      if (share % p.threads == task) pack(row, min(row + kPackedRows, rows));
  };
  for_rows(p.features, [&](int64_t begin, int64_t end) {
    for (int64_t vector = 0; vector < input.count; vector += 4)
      pack_panel(p.kernel, begin, end, p.features, width, p.units, vector,
                 min(4, input.count - vector), order, job.input_panels);
  });
  if (job.unpacked.weights != nullptr) return;
  for_rows(p.units, [&](int64_t begin, int64_t end) {
    Element* panels = job.recurrent_panels;
    Cell::pack_forward(
        s.blocks, [&](int64_t group, int64_t count, auto columns) {
          for (int64_t vector = 0; vector < count; vector += group)
            pack_panel(p.recurrent, begin, end, p.units, width, p.units, vector,
                       min(group, count - vector), columns, panels);
          panels += panel_elements(count, p.units);
        });
  });
}

// Biases in record order; with reset_after, z and r take the sum of both.
template <class Cell>
void pack_bias(ForwardJob<Cell>& job) {
  const Problem& p = job.p;
  const Sizes& s = job.sizes;
  const Range input = Cell::input_range(s.blocks);
  const bool both = p.family == Family::kGruResetAfter;
  const Scalar* second = p.bias + (p.bias == nullptr ? 0 : 3 * p.units);
  for (int64_t vector = 0; vector < input.count; ++vector) {
    Column column = Cell::order(input.first + vector, s.blocks);
    int64_t lanes = lanes_of(column, p.units);
    int64_t offset = offset_of(column, p.units);
    Vec bias{};
    if (p.bias != nullptr) bias = load(p.bias + offset, lanes);
    if (p.bias != nullptr && both && column.gate < 2)
      bias += load(second + offset, lanes);
    store(job.input_bias + vector * kLanes, bias);
  }
  for (int64_t block = 0; both && block < s.blocks; ++block) {
    Column column{2, block};
    Vec bias{};
    if (p.bias != nullptr)
      bias =
          load(second + offset_of(column, p.units), lanes_of(column, p.units));
    store(job.recurrent_bias + block * kLanes, bias);
  }
}

template <class Cell>
void forward_task(void* context, int64_t task) {
  auto& job = *static_cast<ForwardJob<Cell>*>(context);
  const Problem& p = job.p;
  const Forward& f = job.f;
  const Sizes& s = job.sizes;
  const ForwardScratch& own = job.scratch[task];
  const int64_t* rows = p.rows + p.begin[task];
  const int64_t count = p.begin[task + 1] - p.begin[task];
  const Range input = Cell::input_range(s.blocks);

  clear(own.h, 2 * count * s.padded);
  clear(own.c, count * s.padded);
  for (int64_t j = 0; j < count; ++j) {
    own.h_now[j] = own.h + 2 * j * s.padded;
    own.h_next[j] = own.h_now[j] + s.padded;
    own.started[j] = false;
    copy(own.h_now[j], p.h0 + rows[j] * p.units, p.units);
    if (f.c != nullptr)
      copy(own.c + j * s.padded, p.c0 + rows[j] * p.units, p.units);
  }

  const int64_t chunk = chunk_steps(count);
  for (int64_t first = 0; first < p.steps; first += chunk) {
    const int64_t last = min(first + chunk, p.steps);
    int64_t pairs = 0;
    for (int64_t step = first; step < last; ++step)
      for (int64_t j = 0; j < count; ++j) {
        int64_t b = rows[j];
        if (!p.valid(b, step)) continue;
        own.x[pairs] = p.x + (b * p.steps + p.time(step)) * p.features;
        own.record[pairs] = f.residuals != nullptr
                                ? f.residuals + (b * p.steps + step) * s.record
                                : own.records + pairs * s.record;
        ++pairs;
      }
    multiply_rows<4, 1>(
        job.team, own.x, 0, pairs, p.features,
        panels_of(job.input_panels, own.rounded), input.count,
        [&](int64_t, int64_t vector, int64_t v) {
          return load(job.input_bias + (vector + v) * kLanes);
        },
        [&](int64_t row, int64_t vector, const Vec* sums, int64_t n) {
          Scalar* to = own.record[row] + (input.first + vector) * kLanes;
          for (int64_t v = 0; v < n; ++v) store(to + v * kLanes, sums[v]);
        });

    Scalar** record = own.record;
    for (int64_t step = first; step < last; ++step) {
      int64_t active = 0;
      for (int64_t j = 0; j < count; ++j) {
        Scalar* y = f.outputs == nullptr
                        ? nullptr
                        : f.outputs + (rows[j] * p.steps + step) * p.units;
        if (p.valid(rows[j], step)) {
          own.h_in[active] = own.h_now[j];
          own.h_out[active] = own.h_next[j];
          own.c_in[active] = own.c + j * s.padded;
          own.y[active] = y;
          Scalar* swap = own.h_now[j];
          own.h_now[j] = own.h_next[j];
          own.h_next[j] = swap;
          own.started[j] = true;
          ++active;
        } else if (y != nullptr) {
          if (own.started[j] && !p.zero_output_for_mask) {
            copy(y, own.h_now[j], p.units);
          } else {
            clear(y, p.units);
          }
        }
      }
      Cell::forward({active, p.units, s.blocks,
                     panels_of(job.recurrent_panels, own.rounded),
                     job.recurrent_bias, own.h_in, own.h_out, own.c_in, record,
                     own.y, f.residuals != nullptr, job.unpacked, job.team});
      record += active;
    }
  }

  for (int64_t j = 0; j < count; ++j) {
    int64_t b = rows[j];
    bool shown =
        own.started[j] && (p.valid(b, p.steps - 1) || !p.zero_output_for_mask);
    copy(f.h + b * p.units, own.h_now[j], p.units);
    if (f.c != nullptr) copy(f.c + b * p.units, own.c + j * s.padded, p.units);
    if (shown) {
      copy(f.last_output + b * p.units, own.h_now[j], p.units);
    } else {
      clear(f.last_output + b * p.units, p.units);
    }
  }
}

template <class Cell>
bool forward(const Problem& p, const Forward& f) {
  const Sizes s = sizes_of<Cell>(p);
  const int64_t vectors = Cell::input_range(s.blocks).count;
  const int64_t records = f.residuals == nullptr ? s.pairs * s.record : 0;
  const bool unpacked = may_be_unpacked(p, s) && is_on_lines(p.recurrent);
  void* memory;
  ForwardJob<Cell> job = allocate_arrays(
      [&](Arena& arena) {
        ForwardJob<Cell> job{p, f, s};
        job.input_panels =
            arena.take<Element>(panel_elements(vectors, p.features));
        job.recurrent_panels = arena.take<Element>(
            unpacked ? 0 : panel_elements(Cell::kGates * s.blocks, p.units));
        job.places = arena.take<Place>(unpacked ? Cell::kGates * s.blocks : 0);
        job.input_bias = arena.take<Scalar>(vectors * kLanes);
        job.recurrent_bias = arena.take<Scalar>(s.padded);
        job.scratch = arena.take<ForwardScratch>(p.tasks);
        for (int64_t task = 0; task < p.tasks; ++task) {
          ForwardScratch own;
          own.h = arena.take<Scalar>(2 * s.task_rows * s.padded);
          own.c = arena.take<Scalar>(s.task_rows * s.padded);
          own.records = arena.take<Scalar>(records);
          own.x = arena.take<const Scalar*>(s.pairs);
          own.record = arena.take<Scalar*>(s.pairs);
          own.h_in = arena.take<const Scalar*>(s.task_rows);
          own.h_out = arena.take<Scalar*>(s.task_rows);
          own.c_in = arena.take<Scalar*>(s.task_rows);
          own.y = arena.take<Scalar*>(s.task_rows);
          own.h_now = arena.take<Scalar*>(s.task_rows);
          own.h_next = arena.take<Scalar*>(s.task_rows);
          own.started = arena.take<bool>(s.task_rows);
          own.rounded = take_rounded(
              arena, {{s.pairs, p.features}, {s.task_rows, p.units}});
          if (arena.ready()) job.scratch[task] = own;
        }
        return job;
      },
      &memory);
  if (memory == nullptr) return false;
  pack_bias<Cell>(job);
  if (unpacked) {
    list_places<Cell>(p, s, job.places);
    job.unpacked = {p.recurrent, Cell::kGates * p.units, job.places};
  }
  with_team(p, [&](Team* team) {
    job.team = team;
    share(p, team, pack_forward_task<Cell>, &job);
    through_steps(p, team, forward_task<Cell>, &job);
  });
  release(memory);
  return true;
}

// --------------------------------------------------------------- backward

struct BackwardScratch {
  Scalar *d_h, *d_c;
  const Scalar **h_prev, **c_prev;
  Scalar **record, **d_h_in, **d_c_in;
  int64_t* previous;  // of each row: the valid step before the one it is at
  Rounded rounded;
};

// A weight gradient: over all valid pairs, the sum of left (m) x some vectors
// of the record.
struct Product {
  const Scalar* const* left;
  int64_t m;
  Scalar *d_weights, *d_bias;
};

// Vectors of the record, and the one or two products that they enter.
struct Slice {
  Range vectors;
  Product products[2];
};

template <class Cell>
struct BackwardJob {
  const Problem& p;
  const Backward& g;
  Sizes sizes;
  Element* recurrent_panels = nullptr;
  Place* places = nullptr;
  Unpacked unpacked = {};
  BackwardScratch* scratch = nullptr;
  Team* team = nullptr;
  // All valid pairs, and the weight gradients made of them.
  int64_t pairs = 0;
  const Scalar** x = nullptr;
  const Scalar** h_prev = nullptr;
  const Scalar** reset_h = nullptr;
  const Scalar** record = nullptr;
  Slice slices[3] = {};
  Element* pack = nullptr;  // threads x pack_elements
  int64_t pack_elements = 0;
};

// Every `threads`-th panel of the transpose of the given vectors of weights
// (columns, G U), beginning with panel number `panel`, whose end is returned.
template <class Cell>
int64_t pack_transposed(const Problem& p, const Sizes& s, int64_t task,
                        int64_t panel, const Scalar* weights, int64_t columns,
                        Range range, Element* panels) {
  const int64_t vectors = ceil_div(columns, kLanes);
  auto order = [&](int64_t vector) {
    return Cell::order(range.first + vector, s.blocks);
  };
  for (int64_t vector = 0; vector < vectors; vector += 4, ++panel)
    if (panel % p.threads == task)
      pack_transposed_panel(weights, columns, Cell::kGates * p.units, p.units,
                            range.count, vector, min(4, vectors - vector),
                            order, panels);
  return panel;
}

template <class Cell>
void pack_backward_task(void* context, int64_t task) {
  auto& job = *static_cast<BackwardJob<Cell>*>(context);
  const Problem& p = job.p;
  const Sizes& s = job.sizes;
  Element* panels = job.recurrent_panels;
  if (p.family == Family::kGru) {
    int64_t panel = pack_transposed<Cell>(p, s, task, 0, p.recurrent, p.units,
                                          {0, 2 * s.blocks}, panels);
    panels += panel_elements(s.blocks, 2 * s.padded);
    pack_transposed<Cell>(p, s, task, panel, p.recurrent, p.units,
                          {2 * s.blocks, s.blocks}, panels);
  } else {
    pack_transposed<Cell>(p, s, task, 0, p.recurrent, p.units,
                          Cell::recurrent_range(s.blocks), panels);
  }
}

template <class Cell>
void backward_task(void* context, int64_t task) {
  auto& job = *static_cast<BackwardJob<Cell>*>(context);
  const Problem& p = job.p;
  const Backward& g = job.g;
  const Sizes& s = job.sizes;
  const BackwardScratch& own = job.scratch[task];
  const int64_t* rows = p.rows + p.begin[task];
  const int64_t count = p.begin[task + 1] - p.begin[task];
  const int64_t c_offset = (Cell::kWidth - 1) * s.padded;

  clear(own.d_h, count * s.padded);
  clear(own.d_c, count * s.padded);
  for (int64_t j = 0; j < count; ++j) {
    own.previous[j] = p.steps;
    copy(own.d_h + j * s.padded, g.d_h + rows[j] * p.units, p.units);
    if (g.d_c != nullptr)
      copy(own.d_c + j * s.padded, g.d_c + rows[j] * p.units, p.units);
  }

  for (int64_t step = p.steps - 1; step >= 0; --step) {
    int64_t active = 0;
    for (int64_t j = 0; j < count; ++j) {
      const int64_t b = rows[j], at = b * p.steps + step;
      // Looked for anew where it is passed, so that padding is read once.
      if (own.previous[j] >= step) own.previous[j] = p.previous(b, step);
      const int64_t previous = own.previous[j];
      const bool valid = p.valid(b, step);
      Scalar* d_h = own.d_h + j * s.padded;
      // A masked step shows the last valid state, zeros before there was one.
      if (valid || (previous >= 0 && !p.zero_output_for_mask)) {
        if (g.d_outputs != nullptr)
          for (int64_t unit = 0; unit < p.units; unit += kLanes)
            store(d_h + unit,
                  load(d_h + unit) +
                      load(g.d_outputs + at * p.units + unit, p.units - unit));
        if (step == p.steps - 1)
          for (int64_t unit = 0; unit < p.units; ++unit)
            d_h[unit] += g.d_last[b * p.units + unit];
      }
      if (!valid) continue;
      const int64_t before = b * p.steps + previous;
      Scalar* record = g.records + at * s.record;
      own.record[active] = record;
      own.d_h_in[active] = d_h;
      own.d_c_in[active] = own.d_c + j * s.padded;
      own.h_prev[active] =
          previous < 0 ? p.h0 + b * p.units : g.outputs + before * p.units;
      if (g.d_c != nullptr)
        own.c_prev[active] = previous < 0
                                 ? p.c0 + b * p.units
                                 : g.records + before * s.record + c_offset;
      ++active;
    }
    Cell::backward({active, p.units, s.blocks,
                    panels_of(job.recurrent_panels, own.rounded), own.h_prev,
                    own.c_prev, own.record, own.d_h_in, own.d_c_in,
                    job.unpacked, job.team});
  }

  for (int64_t j = 0; j < count; ++j) {
    copy(g.d_h0 + rows[j] * p.units, own.d_h + j * s.padded, p.units);
    if (g.d_c != nullptr)
      copy(g.d_c0 + rows[j] * p.units, own.d_c + j * s.padded, p.units);
  }
}

// Task i takes a share of the columns of every weight gradient.
template <class Cell>
void weights_task(void* context, int64_t task) {
  auto& job = *static_cast<BackwardJob<Cell>*>(context);
  const Problem& p = job.p;
  Element* right = job.pack + task * job.pack_elements;
  Element* left[2];
  left[0] = right + kDepth * kSlab * kLanes;
  for (const Slice& slice : job.slices) {
    const int64_t panels = ceil_div(slice.vectors.count, 4);
    const int64_t begin = panels * task / p.threads * 4;
    const int64_t end =
        min(panels * (task + 1) / p.threads * 4, slice.vectors.count);
    if (begin >= end) continue;
    auto order = [&](int64_t vector) {
      return Cell::order(slice.vectors.first + vector, job.sizes.blocks);
    };
    left[1] = left[0] + kDepth * (slice.products[0].m + kRows);
    constexpr int64_t kPairs = kDepth * kPerElement;
    for (int64_t start = 0; start < job.pairs; start += kPairs) {
      const int64_t pairs = min(kPairs, job.pairs - start);
      for (int i = 0; i < 2; ++i) {
        const Product& product = slice.products[i];
        if (product.left != nullptr)
          pack_left(product.left + start, product.m, pairs, left[i]);
      }
      for (int64_t vector = begin; vector < end; vector += kSlab) {
        const int64_t count = min(kSlab, end - vector);
        Vec totals[kSlab];
        pack_right(job.record + start, (slice.vectors.first + vector) * kLanes,
                   count, pairs, right, totals);
        for (int i = 0; i < 2; ++i) {
          const Product& product = slice.products[i];
          if (product.left != nullptr)
            add_outer_products(left[i], product.m, right, vector, count,
                               elements_of(pairs), order, totals, start == 0,
                               p.units, Cell::kGates * p.units,
                               product.d_weights, product.d_bias);
        }
      }
    }
  }
}

// The lists of all valid pairs, and the weight gradients made of them.
template <class Cell>
void list_products(BackwardJob<Cell>& job) {
  const Problem& p = job.p;
  const Backward& g = job.g;
  const Sizes& s = job.sizes;
  job.pairs = 0;
  for (int64_t b = 0; b < p.batch; ++b) {
    const Scalar* h = p.h0 + b * p.units;
    for (int64_t step = 0; step < p.steps; ++step) {
      if (!p.valid(b, step)) continue;
      const int64_t at = b * p.steps + step;
      job.x[job.pairs] = p.x + (b * p.steps + p.time(step)) * p.features;
      job.record[job.pairs] = g.records + at * s.record;
      job.h_prev[job.pairs] = h;
      job.reset_h[job.pairs] = g.records + at * s.record + 3 * s.padded;
      h = g.outputs + at * p.units;
      ++job.pairs;
    }
  }
  const int64_t n = s.blocks;
  const Product x{job.x, p.features, g.d_kernel, g.d_bias};
  Product h{job.h_prev, p.units, g.d_recurrent, nullptr};
  switch (p.family) {
    case Family::kGru: {
      const Product reset_h{job.reset_h, p.units, g.d_recurrent, nullptr};
      job.slices[0] = {{0, 2 * n}, {x, h}};
      job.slices[1] = {{2 * n, n}, {x, reset_h}};
      break;
    }
    case Family::kGruResetAfter:
      if (g.d_bias != nullptr) h.d_bias = g.d_bias + 3 * p.units;
      job.slices[0] = {{0, n}, {h}};
      job.slices[1] = {{n, 2 * n}, {x, h}};
      job.slices[2] = {{3 * n, n}, {x}};
      break;
    default:
      job.slices[0] = {{0, Cell::kGates * n}, {x, h}};
  }
}

template <class Cell>
bool backward(const Problem& p, const Backward& g) {
  const Sizes s = sizes_of<Cell>(p);
  const int64_t all = p.batch * p.steps;
  // The GRU that resets before needs a product of its own for r h. Sums are in
  // another order than packed, so that lines of the cache must not decide.
  const bool unpacked = may_be_unpacked(p, s) && p.family != Family::kGru;
  void* memory;
  BackwardJob<Cell> job = allocate_arrays(
      [&](Arena& arena) {
        BackwardJob<Cell> job{p, g, s};
        job.recurrent_panels = arena.take<Element>(
            unpacked ? 0 : panel_elements(s.blocks, Cell::kGates * s.padded));
        job.places = arena.take<Place>(unpacked ? Cell::kGates * s.blocks : 0);
        job.x = arena.take<const Scalar*>(all);
        job.h_prev = arena.take<const Scalar*>(all);
        job.reset_h = arena.take<const Scalar*>(all);
        job.record = arena.take<const Scalar*>(all);
        job.pack_elements =
            kDepth * (p.features + p.units + 2 * kRows + kSlab * kLanes);
        job.pack = arena.take<Element>(job.pack_elements * p.threads);
        job.scratch = arena.take<BackwardScratch>(p.tasks);
        for (int64_t task = 0; task < p.tasks; ++task) {
          BackwardScratch own;
          own.d_h = arena.take<Scalar>(s.task_rows * s.padded);
          own.d_c = arena.take<Scalar>(s.task_rows * s.padded);
          own.h_prev = arena.take<const Scalar*>(s.task_rows);
          own.c_prev = arena.take<const Scalar*>(s.task_rows);
          own.record = arena.take<Scalar*>(s.task_rows);
          own.d_h_in = arena.take<Scalar*>(s.task_rows);
          own.d_c_in = arena.take<Scalar*>(s.task_rows);
          own.previous = arena.take<int64_t>(s.task_rows);
          own.rounded =
              take_rounded(arena, {{s.task_rows, Cell::kGates * s.padded}});
          if (arena.ready()) job.scratch[task] = own;
        }
        return job;
      },
      &memory);
  if (memory == nullptr) return false;
  if (unpacked) {
    list_places<Cell>(p, s, job.places);
    job.unpacked = {p.recurrent, Cell::kGates * p.units, job.places};
  }
  with_team(p, [&](Team* team) {
    job.team = team;
    if (!unpacked) share(p, team, pack_backward_task<Cell>, &job);
    through_steps(p, team, backward_task<Cell>, &job);
    list_products<Cell>(job);
    if (job.pairs > 0) share(p, team, weights_task<Cell>, &job);
  });
  if (job.pairs == 0) {
    const int64_t width = Cell::kGates * p.units;
    clear(g.d_kernel, p.features * width);
    clear(g.d_recurrent, p.units * width);
    if (g.d_bias != nullptr)
      clear(g.d_bias, p.family == Family::kGruResetAfter ? 2 * width : width);
  }
  release(memory);
  return true;
}

// --------------------------------------------------------- input gradient

template <class Cell>
struct InputGradientJob {
  const Problem& p;
  const Scalar* records;
  Scalar* d_x;
  Sizes sizes;
  Element* panels = nullptr;
  const Scalar** record = nullptr;  // tasks x kChunk
  Scalar** to = nullptr;            // tasks x kChunk
  Rounded* rounded = nullptr;       // of each task
  Team* team = nullptr;
};

template <class Cell>
void pack_input_task(void* context, int64_t task) {
  auto& job = *static_cast<InputGradientJob<Cell>*>(context);
  pack_transposed<Cell>(job.p, job.sizes, task, 0, job.p.kernel, job.p.features,
                        Cell::input_range(job.sizes.blocks), job.panels);
}

template <class Cell>
void input_gradient_task(void* context, int64_t task) {
  auto& job = *static_cast<InputGradientJob<Cell>*>(context);
  const Problem& p = job.p;
  const Range input = Cell::input_range(job.sizes.blocks);
  const Scalar** record = job.record + task * kChunk;
  Scalar** to = job.to + task * kChunk;
  int64_t pairs = 0;
  auto flush = [&] {
    multiply_rows<4, 1>(
        job.team, record, input.first * kLanes, pairs, input.count * kLanes,
        panels_of(job.panels, job.rounded[task]), ceil_div(p.features, kLanes),
        [](int64_t, int64_t, int64_t) { return Vec{}; },
        [&](int64_t row, int64_t vector, const Vec* sums, int64_t n) {
          for (int64_t v = 0; v < n; ++v) {
            int64_t feature = (vector + v) * kLanes;
            store(to[row] + feature, sums[v], p.features - feature);
          }
        });
    pairs = 0;
  };
  for (int64_t i = p.begin[task]; i < p.begin[task + 1]; ++i)
    for (int64_t step = 0; step < p.steps; ++step) {
      const int64_t b = p.rows[i];
      Scalar* d_x = job.d_x + (b * p.steps + p.time(step)) * p.features;
      if (!p.valid(b, step)) {
        clear(d_x, p.features);
        continue;
      }
      record[pairs] = job.records + (b * p.steps + step) * job.sizes.record;
      to[pairs] = d_x;
      if (++pairs == kChunk) flush();
    }
  flush();
}

template <class Cell>
bool input_gradient(const Problem& p, const Scalar* records, Scalar* d_x) {
  const Sizes s = sizes_of<Cell>(p);
  const int64_t depth = Cell::input_range(s.blocks).count * kLanes;
  void* memory;
  InputGradientJob<Cell> job = allocate_arrays(
      [&](Arena& arena) {
        InputGradientJob<Cell> job{p, records, d_x, s};
        job.panels = arena.take<Element>(
            panel_elements(ceil_div(p.features, kLanes), depth));
        job.record = arena.take<const Scalar*>(p.tasks * kChunk);
        job.to = arena.take<Scalar*>(p.tasks * kChunk);
        job.rounded = arena.take<Rounded>(p.tasks);
        for (int64_t task = 0; task < p.tasks; ++task) {
          const Rounded rounded = take_rounded(arena, {{kChunk, depth}});
          if (arena.ready()) job.rounded[task] = rounded;
        }
        return job;
      },
      &memory);
  if (memory == nullptr) return false;
  with_team(p, [&](Team* team) {
    job.team = team;
    share(p, team, pack_input_task<Cell>, &job);
    through_steps(p, team, input_gradient_task<Cell>, &job);
  });
  release(memory);
  return true;
}

// ------------------------------------------------------------ entry points

// call(Cell) for the problem's family.
template <class Call>
auto for_family(const Problem& p, const Call& call) {
  switch (p.family) {
    case Family::kSimpleRelu:
      return call(SimpleRnn<true>());
    case Family::kLstm:
      return call(Lstm());
    case Family::kGru:
      return call(Gru());
    case Family::kGruResetAfter:
      return call(GruResetAfter());
    default:
      return call(SimpleRnn<false>());
  }
}

inline int64_t any_record_floats(const Problem& p) {
  return for_family(
      p, [&](auto cell) { return record_floats<decltype(cell)>(p); });
}
inline bool any_forward(const Problem& p, const Forward& f) {
  return for_family(p,
                    [&](auto cell) { return forward<decltype(cell)>(p, f); });
}
inline bool any_backward(const Problem& p, const Backward& g) {
  return for_family(p,
                    [&](auto cell) { return backward<decltype(cell)>(p, g); });
}
inline bool any_input_gradient(const Problem& p, const Scalar* records,
                               Scalar* d_x) {
  return for_family(p, [&](auto cell) {
    return input_gradient<decltype(cell)>(p, records, d_x);
  });
}

}  // namespace KERASRNN_ISA
}  // namespace kerasrnn
