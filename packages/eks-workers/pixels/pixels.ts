// What legibility is measured by, pixel by pixel, in AssemblyScript: `npm run build:pixels` makes `src/render/pixels.wasm` of it.
// Sixteen pixels at once, and as fast in a child's first job as in its fiftieth. Addresses and sizes are the caller's to
// keep: nothing is allocated or checked here, and up to 48 bytes behind a picture are read, and 15 behind `into` written.

/** Room for the lanes of three vectors. */
const lanes = memory.data(48, 16);
/** Eight lanes that are taken, and eight that are not. */
const masks = memory.data<i16>([-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0], 16);

/** Luminance (Rec. 601) of `count` pixels of three bytes: 77 parts of red, 150 of green and 29 of blue. */
export function grey(from: usize, into: usize, count: usize): void {
  for (const end = into + count; into < end; into += 16, from += 48) {
    // Sixteen pixels in three vectors: each colour is gathered from the first two, then from the third.
    const one = v128.load(from);
    const two = v128.load(from, 16);
    const three = v128.load(from, 32);
    // oxfmt-ignore
    const red = i8x16.shuffle(
      i8x16.shuffle(one, two, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0),
      three, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29,
    );
    // oxfmt-ignore
    const green = i8x16.shuffle(
      i8x16.shuffle(one, two, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0),
      three, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30,
    );
    // oxfmt-ignore
    const blue = i8x16.shuffle(
      i8x16.shuffle(one, two, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0),
      three, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31,
    );
    const low = weigh(
      i16x8.extmul_low_i8x16_u(red, i8x16.splat(77)),
      i16x8.extmul_low_i8x16_u(green, i8x16.splat(<i8>150)),
      i16x8.extmul_low_i8x16_u(blue, i8x16.splat(29)),
    );
    const high = weigh(
      i16x8.extmul_high_i8x16_u(red, i8x16.splat(77)),
      i16x8.extmul_high_i8x16_u(green, i8x16.splat(<i8>150)),
      i16x8.extmul_high_i8x16_u(blue, i8x16.splat(29)),
    );
    v128.store(into, i8x16.narrow_i16x8_u(low, high));
  }
}

function weigh(red: v128, green: v128, blue: v128): v128 {
  return i16x8.shr_u(i16x8.add(i16x8.add(red, green), blue), 8);
}

/** 3 × 3 median; the outermost rows and columns stay as they are. */
export function median(from: usize, into: usize, width: usize, height: usize): void {
  const size = width * height;
  if (width < 3 || height < 3) return memory.copy(into, from, size);
  // Rows are one run here; what comes out where one row meets the next is put right below.
  for (let at = width + 1, end = size - width - 1; at < end; at += 16) {
    medianOfNine(from + at, into + at, width);
  }
  memory.copy(into, from, width);
  memory.copy(into + size - width, from + size - width, width);
  for (let row = width; row < size; row += width) {
    store<u8>(into + row, load<u8>(from + row));
    store<u8>(into + row + width - 1, load<u8>(from + row + width - 1));
  }
}

/** Of three sorted columns: the median of the greatest low, the middle middle and the least high. */
function medianOfNine(from: usize, into: usize, width: usize): void {
  let greatestLow = i8x16.splat(0);
  let leastHigh = i8x16.splat(-1);
  let middle0 = leastHigh;
  let middle1 = leastHigh;
  let middle2 = leastHigh;
  for (let column: usize = 0; column < 3; column += 1) {
    const at = from + column - 1;
    const above = v128.load(at - width);
    const here = v128.load(at);
    const below = v128.load(at + width);
    const less = i8x16.min_u(above, here);
    const more = i8x16.max_u(above, here);
    greatestLow = i8x16.max_u(greatestLow, i8x16.min_u(less, below));
    leastHigh = i8x16.min_u(leastHigh, i8x16.max_u(more, below));
    middle0 = middle1;
    middle1 = middle2;
    middle2 = i8x16.max_u(less, i8x16.min_u(more, below));
  }
  v128.store(into, medianOf(greatestLow, medianOf(middle0, middle1, middle2), leastHigh));
}

function medianOf(a: v128, b: v128, c: v128): v128 {
  return i8x16.max_u(i8x16.min_u(a, b), i8x16.min_u(i8x16.max_u(a, b), c));
}

/** Counts each of 256 values into unsigned numbers of 32 bits. */
export function histogram(from: usize, count: usize, counts: usize): void {
  for (const end = from + count; from < end; from += 1) increment(counts, load<u8>(from));
}

/** Least value of a part of a picture in the low byte, the greatest in the next. */
export function range(from: usize, width: usize, columns: usize, rows: usize): u32 {
  let low: u8 = 255;
  let high: u8 = 0;
  let lows = i8x16.splat(-1);
  let highs = i8x16.splat(0);
  for (let row: usize = 0; row < rows; row += 1, from += width) {
    let at = from;
    for (; at + 16 <= from + columns; at += 16) {
      const values = v128.load(at);
      lows = i8x16.min_u(lows, values);
      highs = i8x16.max_u(highs, values);
    }
    for (; at < from + columns; at += 1) {
      low = min(low, load<u8>(at));
      high = max(high, load<u8>(at));
    }
  }
  v128.store(lanes, lows);
  v128.store(lanes, highs, 16);
  for (let lane: usize = 0; lane < 16; lane += 1) {
    low = min(low, load<u8>(lanes + lane));
    high = max(high, load<u8>(lanes + lane, 16));
  }
  return ((<u32>high) << 8) | low;
}

/** How many values of a part of a picture are below a limit. */
export function countBelow(from: usize, width: usize, columns: usize, rows: usize, limit: u8): u32 {
  let count: u32 = 0;
  for (let row: usize = 0; row < rows; row += 1, from += width) {
    let at = from;
    for (; at + 16 <= from + columns; at += 16)
      count += popcnt(i8x16.bitmask(i8x16.lt_u(v128.load(at), i8x16.splat(<i8>limit))));
    for (; at < from + columns; at += 1) count += u32(load<u8>(at) < limit);
  }
  return count;
}

/**
 * Curvature (the Laplacian) of a part of a picture that touches no edge of it. Its sum comes back in the low 32 bits, the
 * sum of its squares in the high ones. In odd rows its amount is counted in `curvatures` (1,021 numbers of 32 bits) and
 * half the slope, rounded, in `slopes` (182 of them); `isOdd` tells of the first row.
 */
export function curvature(
  from: usize,
  width: usize,
  columns: usize,
  rows: usize,
  isOdd: bool,
  curvatures: usize,
  slopes: usize,
): u64 {
  let sums = i32x4.splat(0);
  let squares = i32x4.splat(0);
  for (let row: usize = 0; row < rows; row += 1, from += width, isOdd = !isOdd) {
    for (let column: usize = 0; column < columns; column += 8) {
      const at = from + column;
      const west = v128.load_ext<u8>(at - 1);
      const east = v128.load_ext<u8>(at + 1);
      const north = v128.load_ext<u8>(at - width);
      const south = v128.load_ext<u8>(at + width);
      const around = i16x8.add(i16x8.add(west, east), i16x8.add(north, south));
      const all = i16x8.sub(i16x8.shl(v128.load_ext<u8>(at), 2), around);
      const wanted = min(columns - column, 8);
      // What lies beyond the last column counts nothing.
      const values = v128.and(all, v128.load(masks + ((8 - wanted) << 1)));
      sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_s(values));
      squares = i32x4.add(squares, i32x4.dot_i16x8_s(values, values));
      if (!isOdd) continue;
      const across = i16x8.sub(east, west);
      const down = i16x8.sub(south, north);
      v128.store(lanes, i16x8.abs(values));
      v128.store(lanes, halfSlope(i16x8.shuffle(across, down, 0, 8, 1, 9, 2, 10, 3, 11)), 16);
      v128.store(lanes, halfSlope(i16x8.shuffle(across, down, 4, 12, 5, 13, 6, 14, 7, 15)), 32);
      for (let lane: usize = 0; lane < wanted; lane += 1) {
        increment(curvatures, load<u16>(lanes + (lane << 1)));
        increment(slopes, load<u32>(lanes + (lane << 2), 16));
      }
    }
  }
  return ((<u64>(<u32>total(squares))) << 32) | <u32>total(sums);
}

/** Of four pairs of differences: half the root of the sum of their squares, rounded. */
function halfSlope(pairs: v128): v128 {
  const root = f32x4.sqrt(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(pairs, pairs)));
  return i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.mul(root, f32x4.splat(0.5)), f32x4.splat(0.5)));
}

function total(four: v128): i32 {
  return (
    i32x4.extract_lane(four, 0) +
    i32x4.extract_lane(four, 1) +
    i32x4.extract_lane(four, 2) +
    i32x4.extract_lane(four, 3)
  );
}

function increment(counts: usize, index: usize): void {
  const at = counts + (index << 2);
  store<u32>(at, load<u32>(at) + 1);
}
