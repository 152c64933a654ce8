/** Tolerance for noise before a limit counts as missed. */
const TOLERANCE = 1.25;

/** Returns the ratios that miss their limit by more than noise explains, one line each. */
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
