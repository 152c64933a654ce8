/** Handlers of one class, as in an application. */
const METHODS = 10;

/**
 * Returns classes whose methods consume, one method for each queue.
 *
 * @param {readonly string[]} queues
 * @param {(queue: string) => MethodDecorator} decorator of a method
 */
export function consumerClasses(queues, decorator) {
  const classes = [];
  for (let from = 0; from < queues.length; from += METHODS) {
    // golevelup groups handlers by the name of their class.
    const name = `Consumers${from / METHODS}`;
    const Class = { [name]: class {} }[name];
    for (const [index, queue] of queues.slice(from, from + METHODS).entries()) {
      const method = `handle${index}`;
      Object.defineProperty(Class.prototype, method, { value() {}, configurable: true, writable: true });
      decorator(queue)(Class.prototype, method, Object.getOwnPropertyDescriptor(Class.prototype, method));
    }
    classes.push(Class);
  }
  return classes;
}
