/** Devices by the names under which clusters know them, with the memory that they report. */

/** @internal */
export interface Product {
  /** As node labels and DRA drivers have it, or the vendor's driver. */
  readonly name: string;
  /** What the vendor's tools report, which is less than what is printed on the card where a part is kept for ECC. */
  readonly mebibytes: number;
}

/**
 * By the name that NVML and `nvidia-smi --query-gpu=name,memory.total` give, and that the DRA driver publishes as
 * `productName`. Reported by `nvidia-smi` with drivers 535 and newer; older ones report a little less.
 *
 * @internal
 */
export const NVIDIA_PRODUCTS: readonly Product[] = [
  { name: 'NVIDIA A10', mebibytes: 23028 },
  { name: 'NVIDIA A10G', mebibytes: 23028 },
  { name: 'NVIDIA A30', mebibytes: 24576 },
  { name: 'NVIDIA A100-SXM4-40GB', mebibytes: 40960 },
  { name: 'NVIDIA A100-PCIE-40GB', mebibytes: 40960 },
  { name: 'NVIDIA A100-SXM4-80GB', mebibytes: 81920 },
  { name: 'NVIDIA A100 80GB PCIe', mebibytes: 81920 },
  { name: 'NVIDIA B200', mebibytes: 183359 },
  { name: 'NVIDIA B300 SXM6 AC', mebibytes: 275040 },
  { name: 'NVIDIA GB200', mebibytes: 189471 },
  { name: 'NVIDIA GB300', mebibytes: 284208 },
  { name: 'NVIDIA GeForce RTX 4090', mebibytes: 24564 },
  { name: 'NVIDIA GeForce RTX 5090', mebibytes: 32607 },
  { name: 'NVIDIA GH200 480GB', mebibytes: 97871 },
  { name: 'NVIDIA H100 80GB HBM3', mebibytes: 81559 },
  { name: 'NVIDIA H100 PCIe', mebibytes: 81559 },
  { name: 'NVIDIA H100 NVL', mebibytes: 95830 },
  { name: 'NVIDIA H200', mebibytes: 143771 },
  { name: 'NVIDIA L4', mebibytes: 23034 },
  { name: 'NVIDIA L40', mebibytes: 46068 },
  { name: 'NVIDIA L40S', mebibytes: 46068 },
  { name: 'NVIDIA RTX A6000', mebibytes: 49140 },
  { name: 'NVIDIA RTX PRO 6000 Blackwell Server Edition', mebibytes: 97887 },
  { name: 'Tesla T4', mebibytes: 15360 },
];

/**
 * By the name that the node labeller of AMD's device plugin and its DRA driver give: the driver's `product_name` with
 * `_` for spaces. Memory from AMD's table of GPU specifications (rocm.docs.amd.com, reference/gpu-specs).
 *
 * @internal
 */
export const AMD_PRODUCTS: readonly Product[] = [
  { name: 'AMD_Instinct_MI300X_OAM', mebibytes: 192 * 1024 },
  { name: 'AMD_Instinct_MI325_OAM', mebibytes: 256 * 1024 },
  { name: 'AMD_Instinct_MI355_OAM', mebibytes: 288 * 1024 },
];

/** A product by its label or its driver's name; undefined for one that is not in the tables. @internal */
export function findProduct(products: readonly Product[], given: string): Product | undefined {
  return products.find(({ name }) => name === given || nvidiaLabel(name) === given);
}

/** As GPU feature discovery writes a name into `nvidia.com/gpu.product`. @internal */
export function nvidiaLabel(name: string): string {
  return name.split(/\s+/).join('-');
}

const MEBI = 1024 * 1024;

/** @internal */
export function memoryOf(product: Product | undefined): number | undefined {
  return product && product.mebibytes * MEBI;
}

/**
 * A card of 80 GB reports 81559 MiB, one of 24 GB 23034, one of 180 GB 183359: never as many GiB as are printed on
 * it. So who asks for 24 GiB is given what reports at least this part of it.
 *
 * @internal
 */
export const REPORTED_PART = 0.92;

/** The least that a device of a class of memory reports, in bytes. @internal */
export function leastOfClass(bytes: number): number {
  return Math.floor((bytes * REPORTED_PART) / MEBI) * MEBI;
}
