// Runs a command as a process of its own and reports wall time, CPU time and peak resident memory.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The built command line. */
export const MAIN = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url));

// Certificates of a company's own, which Node 20 reads at every start (80 ms for those of Debian): of the machine, not of
// what is measured, and nothing here needs them.
delete process.env.NODE_EXTRA_CA_CERTS;

/** Milliseconds between two looks at the peak that the kernel keeps; the last one before the end counts. */
const SAMPLE_INTERVAL = 10;

/** Peak resident bytes of a running process (Linux keeps it as VmHWM); 0 where that is not to be had. */
function peakMemory(pid) {
  try {
    const kilobytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return kilobytes === null ? 0 : 1024 * Number(kilobytes[1]);
  } catch {
    return 0;
  }
}

/** Clock ticks of /proc in a second; 100 wherever Linux runs Node. */
const TICKS = 100;

/** User and system seconds of a running process so far; 0 where that is not to be had. */
function cpuSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
}

/** Runs to the end. Throws when the command fails. */
export function measure(command, args) {
  return new Promise((resolve, reject) => {
    const started = process.hrtime.bigint();
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    let peak = 0;
    let cpu = 0;
    const timer = setInterval(() => {
      peak = Math.max(peak, peakMemory(child.pid));
      cpu = Math.max(cpu, cpuSeconds(child.pid));
    }, SAMPLE_INTERVAL);
    child.on('close', (code) => {
      clearInterval(timer);
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      if (code === 0) resolve({ seconds, cpuSeconds: cpu, peak, output });
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`));
    });
  });
}

/** Median of a list. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
