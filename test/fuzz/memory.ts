import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What is in use after a collection, in bytes. */
export interface MemoryPoint {
  readonly deliveries: number;
  readonly heap: number;
  /** Array buffers and everything else that is not on the heap. */
  readonly external: number;
}

/** Collects garbage when it is asked to, whatever flags the process was started with. */
export function createMemoryMeter(): { measure(deliveries: number): void; readonly points: readonly MemoryPoint[] } {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const points: MemoryPoint[] = [];
  return {
    points,
    measure(deliveries) {
      // The second one takes what the first one's finalizers let go.
      collect();
      collect();
      const { heapUsed, external } = process.memoryUsage();
      points.push({ deliveries, heap: heapUsed, external });
    },
  };
}

/** Bytes per delivery by which memory grows: the slope of the line that is nearest to all points, in least squares. */
export function slopeOf(points: readonly MemoryPoint[]): number {
  const total = (point: MemoryPoint): number => point.heap + point.external;
  const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;
  const [middle, level] = [mean(points.map(({ deliveries }) => deliveries)), mean(points.map(total))];
  const rise = points.reduce((sum, point) => sum + (point.deliveries - middle) * (total(point) - level), 0);
  const run = points.reduce((sum, { deliveries }) => sum + (deliveries - middle) ** 2, 0);
  return run === 0 ? 0 : rise / run;
}
