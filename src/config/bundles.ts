/** Settings as they hold for one of several bundles. */
import { MiceError } from '../errors.ts';
import type { Settings } from './options.ts';

/**
 * @param name of a bundle in `model.others`; undefined for `model.bundle`
 * @throws MiceError `bad-option` where there is no such bundle
 */
export function settingsForBundle(settings: Settings, name: string | undefined): Settings {
  if (name === undefined) return settings;
  const found = settings.modelOthers.find((other) => other.name === name);
  if (!found) throw unknown(settings, name);
  return { ...settings, modelBundle: found.directory, fieldsObject: found.object };
}

/** @throws MiceError `bad-option` where a rule names a bundle that there is not, or two bundles share an object */
export function checkBundles(settings: Settings): void {
  const { modelOthers, statesRules, fieldsObject } = settings;
  for (const { bundle } of statesRules) settingsForBundle(settings, bundle);
  const objects = [fieldsObject, ...modelOthers.map(({ object }) => object)];
  const twice = objects.find((object, at) => objects.indexOf(object) !== at);
  if (twice === undefined) return;
  throw new MiceError('bad-option', `Two bundles keep their fields in the object ${twice}.`, {
    hint: 'Give each in model.others an object of its own; fields.object is that of model.bundle.',
  });
}

function unknown({ modelOthers }: Settings, name: string): MiceError {
  const names = modelOthers.map((other) => other.name).join(', ');
  return new MiceError('bad-option', `There is no bundle ${JSON.stringify(name)} in model.others.`, {
    hint: names === '' ? 'model.others is empty.' : `Accepted: ${names}.`,
  });
}
