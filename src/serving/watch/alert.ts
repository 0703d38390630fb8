/** An alert as PrometheusRules have it. @internal */
export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Record<string, string>;
  readonly annotations: { readonly summary: string; readonly description: string };
}

/** `critical` is worth waking somebody: nobody is answered. @internal */
export type Severity = 'critical' | 'warning';
