import { readFileSync } from 'node:fs';

/** Starts to measure time and CPU of this process; `stop(messages)` returns both. */
export function startStopwatch() {
  const begun = performance.now();
  const cpu = process.cpuUsage();
  return {
    stop(messages) {
      const { user, system } = process.cpuUsage(cpu);
      return { messages, cpu: (user + system) / messages, wall: ((performance.now() - begun) * 1000) / messages };
    },
  };
}

/** Returns the peak memory of this process, in bytes. Linux's `maxRSS` may be that of the parent from which it was forked. */
export function peakRss() {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
