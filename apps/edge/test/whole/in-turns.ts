const AT_ONCE = 8;

/** So many at once, answers in order. */
export async function inTurns<T, R>(list: readonly T[], work: (item: T, at: number) => Promise<R>, atOnce = AT_ONCE): Promise<R[]> {
  const answers: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < list.length) {
      const at = next++;
      answers[at] = await work(list[at]!, at);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return answers;
}
