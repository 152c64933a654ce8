import { readFileSync } from 'node:fs';

/** Time and CPU of this process from here on; `stop(messages)` gives what they were. */
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

/** The most memory that this process has had, in bytes. Linux's `maxRSS` may be the parent's: what it forked from. */
export function peakRss() {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
