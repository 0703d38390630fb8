import type { IServiceAccount } from 'cdk8s-plus-28';
import { checkKind } from './checks';

/** The ServiceAccount's name. @throws when it is no ServiceAccount but, for instance, the name of one */
export function checkServiceAccount(where: string, account: IServiceAccount): string {
  return checkKind(where, 'serviceAccount', account, ({ name }) => typeof name === 'string' && name !== '', {
    allowed: 'a ServiceAccount of cdk8s-plus',
    advice: "Name one that exists: ServiceAccount.fromServiceAccountName(scope, 'id', 'its-name').",
  }).name;
}
