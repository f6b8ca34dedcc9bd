const tickMs = 1_000;
/** What one tick may count, however late it comes. */
const mostPerTickMs = 2 * tickMs;

/**
 * Calls `onOver` when `limitMs` are over in which this process ran, unless stopped before; answers how to stop. A child is
 * waited for only while somebody could hear it: time in which this process stood still (SIGSTOP, a machine that was
 * suspended) counts for two seconds at most, and what the child has said meanwhile is heard before the time is over.
 */
export function countDown(
  limitMs: number,
  onOver: () => void,
  nowMs: () => number = () => performance.now(),
): () => void {
  let [leftMs, sinceMs, isStopped] = [limitMs, nowMs(), false];
  let timer = setTimeout(tick, Math.min(tickMs, leftMs));
  function tick() {
    const passedMs = nowMs() - sinceMs;
    sinceMs += passedMs;
    leftMs -= Math.min(passedMs, mostPerTickMs);
    const hearMs = passedMs > mostPerTickMs ? tickMs : 0; // a long answer comes piece by piece
    timer = leftMs > 0 ? setTimeout(tick, Math.min(tickMs, leftMs)) : setTimeout(hear, hearMs);
  }
  // Timers that are due come before what lies in a pipe: it is read between the two.
  const hear = () => setImmediate(() => isStopped || onOver());
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
