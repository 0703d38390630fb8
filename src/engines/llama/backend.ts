/** By what llama.cpp computes on devices; each has an image of its own. */
export enum LlamaBackend {
  /** GPUs of NVIDIA. */
  CUDA = 'cuda',
  /** GPUs of AMD that ROCm knows. The image has about 7 GB. */
  ROCM = 'rocm',
  /** GPUs of Intel, by SYCL. */
  INTEL = 'intel',
  /**
   * GPUs of AMD and of Intel by Mesa's drivers, which the image has: small, and for GPUs too that ROCm and SYCL do not
   * know. Not those of NVIDIA, whose container toolkit leaves out what Vulkan needs unless it is asked for graphics.
   */
  VULKAN = 'vulkan',
}
