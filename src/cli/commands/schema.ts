import { recipeSchema } from '../../recipe/schema.js';

/** Prints the JSON Schema of recipes. */
export function schemaCommand(): void {
  process.stdout.write(`${JSON.stringify(recipeSchema(), null, 2)}\n`);
}
