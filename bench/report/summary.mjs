import { OURS } from '../clients.mjs';
import { spread } from './statistics.mjs';

const METRICS = ['cpu', 'wall', 'p50', 'p99', 'rss', 'rssGrowth', 'heap', 'resident'];

/**
 * Summarizes the samples of one target by case: every client's figures, and our ratios, with their limits if the limits hold
 * on this target.
 */
export function summarize(cases, samples, target) {
  return cases.map((measured) => {
    const own = samples.filter((sample) => sample.case === measured.name);
    const figures = {};
    for (const client of new Set(own.map((sample) => sample.client))) {
      figures[client] = metricsOf(own.filter((sample) => sample.client === client));
    }
    const ratios = {};
    const limits = { ...measured.atMost[target] };
    for (const metric of new Set(Object.values(measured.atMost).flatMap(Object.keys))) {
      const ratio = spread(ratiosByRound(measured, metric, samples));
      if (ratio) ratios[metric] = { ...ratio, ...(metric in limits && { atMost: limits[metric] }) };
    }
    return {
      name: measured.name,
      title: measured.title,
      against: measured.against ?? measured.versus,
      figures,
      ratios,
    };
  });
}

function metricsOf(samples) {
  const metrics = {};
  for (const metric of METRICS) {
    const figures = spread(samples.map((sample) => sample[metric]).filter((figure) => figure !== undefined));
    if (figures) metrics[metric] = figures;
  }
  return metrics;
}

/**
 * Returns our figure divided by the best peer's of the same round, or by our own other case. A growth is a ratio already. The
 * figures are paired by round, since a slow machine slows a whole round down.
 */
function ratiosByRound({ name, against, versus }, metric, samples) {
  const ofCase = samples.filter((sample) => sample.case === name && sample[metric] !== undefined);
  const ratios = [];
  for (const ours of ofCase.filter((sample) => sample.client === OURS)) {
    const others = against
      ? samples.filter((sample) => sample.case === against && sample.client === OURS && sample.round === ours.round)
      : ofCase.filter(({ client, round }) => round === ours.round && (versus ? client === versus : client !== OURS));
    if (metric === 'rssGrowth') ratios.push(ours.rssGrowth);
    else if (others.length > 0) ratios.push(ours[metric] / Math.min(...others.map((other) => other[metric])));
  }
  return ratios;
}
