import { readdirSync, readFileSync } from 'node:fs';

/**
 * Signals a node's processes: those whose environment carries the guardian's mark of the node's folder. The guardian itself
 * only starts and kills.
 */
export function signalNode(folder: string, signal: 'SIGSTOP' | 'SIGCONT'): void {
  const mark = Buffer.from(`NEST_AMQP_BROKER_MARK=${folder}:server\0`);
  for (const pid of readdirSync('/proc').map(Number).filter(Boolean)) {
    try {
      if (readFileSync(`/proc/${pid}/environ`).includes(mark)) process.kill(pid, signal);
    } catch {
      // The process has exited, or belongs to another user.
    }
  }
}
