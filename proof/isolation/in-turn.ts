/** Works on all items, four at a time: a loaded machine answers everybody late when all ask at once. Results in order. */
export async function inTurn<Item, Result>(
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  const worker = async () => {
    for (const [index, item] of left) results[index] = await work(item, index);
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  return results;
}
