/** An adapter whose repository has a new name on the Hub: found under the old one, and said. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { library } from '../run/library.js';
import { writeAdapter } from '../support/adapters.js';
import { hubEnvironment } from '../support/hub/environment.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { publish, writeModels } from '../support/hub/models.js';
import { folderFiles } from '../support/hub/repository.js';
import { randomTensor } from '../support/random-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

it('is taken from where the old name leads, with a warning that names both', async () => {
  const folder = temporaryFolder();
  const hub = await LoopbackHub.start();
  try {
    publish(hub, writeModels(folder, ['base', 'math']));
    const module = 'base_model.model.model.layers.0.mlp.up_proj';
    const factors = [
      randomTensor(`${module}.lora_A.weight`, [4, 41], 1, 0.02),
      randomTensor(`${module}.lora_B.weight`, [37, 4], 2, 0.02),
    ];
    writeAdapter(join(folder, 'adapter'), factors, { target_modules: ['up_proj'] });
    hub.add('org/adapter', folderFiles(join(folder, 'adapter')));
    hub.renamed.set('org/old-adapter', 'org/adapter');
    const models = 'models: [{model: org/base+org/old-adapter}, {model: org/math}]';
    const recipe = library.parseRecipe(`merge_method: linear\nparameters: {weight: 1}\n${models}\n`);
    const { plan, warnings } = await library.plan(recipe, { hub: { environment: hubEnvironment(hub) } });
    expect(plan.inputs[0]!.adapterHub!.repo).toBe('org/adapter');
    expect(warnings).toEqual([{ kind: 'hub-renamed', facts: { from: 'org/old-adapter', to: 'org/adapter' } }]);
  } finally {
    await hub.close();
  }
});
