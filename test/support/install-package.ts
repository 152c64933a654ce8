import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isExecutable } from './is-executable.js';

/** A package of Debian and Ubuntu whose services must not run. */
export interface SystemPackage {
  readonly name: string;
  /** Shell command that succeeds once the package is installed. */
  readonly installed: string;
  /** Users that the package creates and whose processes are its services. */
  readonly users: readonly string[];
  readonly units: readonly string[];
}

/**
 * The installation as one shell script in a session of its own. A test run that is interrupted must leave neither a
 * half-configured package nor our policy-rc.d behind, so the script always runs to its end and cleans up.
 *
 * Debian asks policy-rc.d whether a package may start its services; 101 means no. Without it, the package's postinst would
 * start a server on the default port. The script ends what the package starts nevertheless: processes of the users that the
 * package creates, if they did not run before.
 */
const script = ({ name, installed, users, units }: SystemPackage): string => `
set -eu
installed() { ${installed}; }
installed && exit 0   # another run was faster
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
services() {
  for user in ${users.join(' ')}; do find /proc -maxdepth 1 -user "$user" -printf '%f\\n' 2>/dev/null || true; done
}
before=$(services)
exists() { [ -e "$1" ] || [ -L "$1" ]; }
# One that is set aside already is the machine's: an earlier installation was killed.
if exists "$policy" && ! exists "$policy.nest-amqp"; then mv "$policy" "$policy.nest-amqp"; fi
restore() {
  rm -f "$policy"
  if exists "$policy.nest-amqp"; then mv "$policy.nest-amqp" "$policy"; fi
}
trap restore EXIT
trap 'exit 1' HUP INT TERM
printf '#!/bin/sh\\nexit 101\\n' > "$policy"
chmod 755 "$policy"
install() { apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends ${name}; }
# A fresh container has no package lists, an old one has lists that point to packages that are gone.
if ! apt-cache show ${name} >/dev/null 2>&1 || ! install; then
  apt-get -o DPkg::Lock::Timeout=300 update
  install
fi
if [ -d /run/systemd/system ]; then
  systemctl disable --now ${units.join(' ')} >/dev/null 2>&1 || true
fi
for pid in $(services); do
  case " $(echo $before) " in *" $pid "*) ;; *) kill -9 "$pid" 2>/dev/null || true ;; esac
done
`;

/** Returns why `installPackage` cannot work here; undefined when it can. */
export function cannotInstall(): string | undefined {
  if (process.platform !== 'linux') return 'not a Linux machine';
  if (process.getuid?.() !== 0) return 'not root';
  if (!isExecutable('/usr/bin/apt-get')) return 'no apt-get, so not Debian or Ubuntu';
  return undefined;
}

/**
 * Installs a package without leaving its services running. Takes about a minute; runs that start at the same time wait for
 * the first one.
 *
 * @throws Error with the end of apt's output
 */
export async function installPackage(system: SystemPackage): Promise<void> {
  process.stderr.write(`Installing Debian's ${system.name} with apt-get, about a minute …\n`);
  const child = spawn('flock', [`/run/lock/nest-amqp-install`, 'sh', '-c', script(system)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  const collect = (text: string): void => void (output = (output + text).slice(-4_000));
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`apt-get install ${system.name} failed (exit code ${code}):\n${output}`);
}
