/** Where std::nth_element of libstdc++ (introselect) leaves elements that are neither larger nor smaller. */

/** Indices of `values`, permuted so that the first `selected` are largest, as introselect with `>` permutes them. */
export function nthElement(values: readonly number[], selected: number): number[] {
  const order = [...values.keys()];
  const precedes = (a: number, b: number): boolean => values[a]! > values[b]!;
  let [first, last] = [0, order.length];
  while (last - first > 3) {
    pivotToFirst(order, first, last, precedes);
    const cut = partition(order, first, last, precedes);
    if (cut < selected) first = cut;
    else last = cut;
  }
  const rest = order.slice(first, last).sort((a, b) => values[b]! - values[a]!);
  order.splice(first, rest.length, ...rest);
  return order;
}

type Precedes = (a: number, b: number) => boolean;

function swap(order: number[], i: number, j: number): void {
  [order[i], order[j]] = [order[j]!, order[i]!];
}

/** The median of the second, the middle and the last element, to the first place. */
function pivotToFirst(order: number[], first: number, last: number, precedes: Precedes): void {
  const places = [first + 1, first + Math.floor((last - first) / 2), last - 1];
  const [a, b, c] = places.map((place) => order[place]!) as [number, number, number];
  let median: number;
  if (precedes(a, b)) median = precedes(b, c) ? 1 : precedes(a, c) ? 2 : 0;
  else median = precedes(a, c) ? 0 : precedes(b, c) ? 2 : 1;
  swap(order, first, places[median]!);
}

function partition(order: number[], first: number, last: number, precedes: Precedes): number {
  const pivot = order[first]!;
  let [low, high] = [first + 1, last];
  for (;;) {
    while (precedes(order[low]!, pivot)) low++;
    high--;
    while (precedes(pivot, order[high]!)) high--;
    if (low >= high) return low;
    swap(order, low++, high);
  }
}
