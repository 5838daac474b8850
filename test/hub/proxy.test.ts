/** Everything goes through the proxy that the environment names, and past it for hosts in NO_PROXY. */
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { m2mergeBeside } from '../support/cli.js';
import { hubVariables } from '../support/hub/environment.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { publish, writeModels } from '../support/hub/models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** A proxy on loopback that tunnels; counts the hosts it was asked for. */
async function startProxy(): Promise<{ address: string; hosts: Set<string> }> {
  const hosts = new Set<string>();
  const server = createServer().on('connect', (request, socket) => {
    hosts.add(request.url!);
    const [host, port] = request.url!.split(':');
    const target = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.pipe(socket).pipe(target);
    });
    target.on('error', () => socket.destroy());
    socket.on('error', () => target.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, hosts };
}

it('uses HTTP_PROXY for the Hub and its CDN, and honours NO_PROXY', async () => {
  const hub = await LoopbackHub.start();
  onTestFinished(() => hub.close());
  const work = temporaryFolder();
  publish(hub, writeModels(join(work, 'models'), ['base']));
  const { address, hosts } = await startProxy();
  const variables = { ...hubVariables(hub, join(work, 'home')), HTTP_PROXY: address, NO_PROXY: '' };
  expect(await m2mergeBeside(['pull', 'org/base', '--quiet'], work, variables)).toMatchObject({
    status: 0,
    stderr: '',
  });
  expect([...hosts].sort()).toEqual(
    [hub.origin('hub'), hub.origin('cdn')].map((origin) => new URL(origin).host).sort(),
  );
  hosts.clear();
  const direct = { ...hubVariables(hub, join(work, 'home-2')), HTTP_PROXY: address, NO_PROXY: '127.0.0.1' };
  expect(await m2mergeBeside(['pull', 'org/base', '--quiet'], work, direct)).toMatchObject({ status: 0, stderr: '' });
  expect([...hosts]).toEqual([]);
});
