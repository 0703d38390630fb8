/**
 * The environment of a container without devices in an image that is made for them: such images ask NVIDIA's runtime for
 * all GPUs of the node, reserved or not, and what sets them up ends the container where its root file system is read-only
 * or the node's driver is too old.
 */
export const NO_DEVICES_ENV: Record<string, unknown>[] = [{ name: 'NVIDIA_VISIBLE_DEVICES', value: 'void' }];
