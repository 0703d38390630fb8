import type { Expression, Plan } from './plan';
import { WIDTH } from './print-expression';
import { ENUMS, ModuleName, STATICS } from './vocabulary';

/** `import { ... } from '...';` for all that a program names, in the order of the alphabet. @internal */
export function importLines(plan: Plan, app: Expression): string {
  const names = new Map<ModuleName, Set<string>>([['cdk8s-llm', new Set(['PhasedApp'])]]);
  const add = (module: ModuleName, name: string) => {
    names.set(module, (names.get(module) ?? new Set()).add(name));
  };
  const visit = (expression: Expression): void => {
    switch (expression.kind) {
      case 'call': {
        const name = expression.callee.split('.')[0] as keyof typeof STATICS;
        add(STATICS[name].module, name);
        expression.args.forEach(visit);
        break;
      }
      case 'method':
        expression.args.forEach(visit);
        break;
      case 'enum':
        add(ENUMS[expression.enum].module, expression.enum);
        break;
      case 'list':
        expression.items.forEach(visit);
        break;
      case 'object':
        expression.members.forEach(({ value }) => visit(value));
    }
  };
  visit(app);
  for (const statement of plan.pipelines.flatMap(({ statements }) => statements)) {
    if (statement.kind === 'constant') visit(statement.value);
    else {
      add('cdk8s-llm', statement.class);
      visit(statement.props);
    }
  }
  return [...names]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([module, imported]) => importText(module, [...imported].sort()))
    .join('');
}

function importText(module: ModuleName, names: readonly string[]): string {
  const line = `import { ${names.join(', ')} } from '${module}';\n`;
  if (line.length - 1 <= WIDTH) return line;
  return `import {\n${names.map((name) => `  ${name},\n`).join('')}} from '${module}';\n`;
}
