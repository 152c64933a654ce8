/**
 * Lint rule against `new Date()` and `Date()`, which read the machine's clock as `Date.now()` does. `new Date(value)` reads no
 * clock.
 */
const noCurrentDate = {
  create(context) {
    const check = (node) => {
      if (node.callee.type !== 'Identifier' || node.callee.name !== 'Date') return;
      if (node.type === 'NewExpression' && node.arguments.length > 0) return;
      context.report({ node, message: 'Time comes from a Clock: new Date(clock.wallTime()).' });
    };
    return { NewExpression: check, CallExpression: check };
  },
};

export default { meta: { name: 'environment' }, rules: { 'no-current-date': noCurrentDate } };
