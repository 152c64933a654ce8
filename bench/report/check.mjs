/** What noise may add before it counts as missed. */
const TOLERANCE = 1.25;

/** The ratios that are missed by more than noise explains, one line each. */
export function missedRatios(summary) {
  const missed = [];
  for (const { name, ratios } of summary) {
    for (const [metric, { median, atMost }] of Object.entries(ratios)) {
      if (atMost !== undefined && median > atMost * TOLERANCE) {
        missed.push(`${name}: ${metric} ratio ${median.toPrecision(3)}, at most ${atMost.toPrecision(3)}`);
      }
    }
  }
  return missed;
}
