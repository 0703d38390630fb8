/** What a fine-tuning leaves. */
export enum FineTuneResult {
  /** The whole model, as on Hugging Face: for `DllamaConversion`, `GgufConversion` and `VllmServer`. */
  FULL_WEIGHTS = 'full-weights',
  /**
   * A LoRA adapter as PEFT writes one: for `adapters` of `VllmServer`, and for `GgufConversion` with `adapterOf`, whose
   * result is an adapter of `LlamaServer`.
   */
  LORA_ADAPTER = 'lora-adapter',
}
