/** Where pods see the stores. */

/** The pod's volume of a store, or of the first of several; the next is `models-1`. */
export const STORE_VOLUME = 'models';

/** Where the store is mounted, or the first of several. */
export const MODELS_FOLDER = `/${STORE_VOLUME}`;

/** Where a store is mounted: at the name of its volume. */
export function storeFolder(volumeName = STORE_VOLUME): string {
  return `/${volumeName}`;
}
