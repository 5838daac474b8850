/** Selection without sorting. */

/**
 * The `n`-th largest of some numbers, counted from 1; 0 when there are fewer. None may be NaN. Reorders `values`: Hoare's
 * quickselect (1961) around the middle of what is left, some two looks at each number.
 */
export function nthLargest(values: Float64Array, n: number): number {
  if (n > values.length) return 0;
  const wanted = values.length - n;
  let first = 0;
  let last = values.length - 1;
  while (first < last) {
    const pivot = values[(first + last) >>> 1]!;
    let low = first;
    let high = last;
    while (low <= high) {
      while (values[low]! < pivot) low++;
      while (values[high]! > pivot) high--;
      if (low > high) break;
      const smaller = values[high]!;
      values[high--] = values[low]!;
      values[low++] = smaller;
    }
    if (wanted <= high) last = high;
    else if (wanted >= low) first = low;
    else break;
  }
  return values[wanted]!;
}
