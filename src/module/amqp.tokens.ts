/** Token of the options that {@link AmqpModule.forRoot} was given, as {@link AmqpModuleOptions}. */
export function getModuleOptionsToken(): symbol {
  return MODULE_OPTIONS;
}

const MODULE_OPTIONS = Symbol('AMQP_MODULE_OPTIONS');
