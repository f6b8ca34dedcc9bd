import { residentMb } from "../memory-peak.ts";
import type { StartedSystem } from "./started-system.ts";

/** What was resident at one moment, in megabytes by the kind of process. */
type Look = { minutes: number; mb: Record<string, number> };

/** Megabytes per minute by the kind of process, and of all together. */
export type Growth = { all: number; byKind: Record<string, number> };

/** Looks at the resident memory of all processes but PostgreSQL every second, until it is stopped. */
export function watchGrowth(system: Pick<StartedSystem, "processes">): { stop(): Promise<Growth> } {
  const looks: Look[] = [];
  const look = async () => {
    const mb: Record<string, number> = {};
    for (const { kind, pid } of await system.processes())
      if (kind !== "postgres") mb[kind] = (mb[kind] ?? 0) + residentMb(pid).now;
    looks.push({ minutes: performance.now() / 60_000, mb });
  };
  const looking = setInterval(() => void look(), 1_000);
  return {
    stop: async () => {
      clearInterval(looking);
      await look();
      return growthOf(looks);
    },
  };
}

/** A start fills its heaps and caches: of a look that goes on for longer, its first five minutes are left out. */
const warmUpMinutes = 5;

/** The slopes of the straight lines through what was seen. */
export function growthOf(looks: readonly Look[]): Growth {
  const end = looks.at(-1)?.minutes ?? 0;
  const warm = looks.filter(({ minutes }) => minutes >= (looks[0]?.minutes ?? 0) + warmUpMinutes);
  const judged = warm.length > 0 && end - warm[0]!.minutes > warmUpMinutes ? warm : looks;
  const kinds = new Set(judged.flatMap(({ mb }) => Object.keys(mb)));
  const slopeOf = (of: (mb: Record<string, number>) => number) =>
    slope(judged.map(({ minutes, mb }) => ({ x: minutes, y: of(mb) })));
  return {
    all: slopeOf((mb) => Object.values(mb).reduce((sum, one) => sum + one, 0)),
    byKind: Object.fromEntries([...kinds].map((kind) => [kind, slopeOf((mb) => mb[kind] ?? 0)])),
  };
}

function slope(points: readonly { x: number; y: number }[]): number {
  if (points.length === 0) return 0;
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  const spread = mean((point) => (point.x - x) ** 2);
  return spread === 0 ? 0 : mean((point) => (point.x - x) * (point.y - y)) / spread;
}
