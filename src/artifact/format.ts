/** How the files of an artifact are to be read. */
export enum ArtifactFormat {
  /** As on Hugging Face: config.json, tokenizer files, weights in safetensors. */
  HUGGING_FACE = 'huggingface',
  /** distributed-llama: one `.m` and one `.t` file. */
  DLLAMA = 'dllama',
  /** llama.cpp: one `.gguf` file, or one that is split into several. */
  GGUF = 'gguf',
  /** A LoRA adapter as PEFT writes one: adapter_config.json and adapter_model.safetensors. */
  LORA = 'lora',
  /** No model, but what one is trained with or measured by: files of rows, a dataset of Hugging Face among them. */
  DATASET = 'dataset',
  /** No model: the files of a Git repository at one commit. */
  GIT_TREE = 'git-tree',
}
