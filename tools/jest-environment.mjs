import { TestEnvironment } from 'jest-environment-node';

// Jest runs tests in a VM context of its own. Errors, arrays and maps made by Node's core belong to another realm,
// so `instanceof` is false for them; matching by the object's tag makes both realms agree.
const TAGS = { Error: '[object Error]', Array: '[object Array]', Map: '[object Map]', Set: '[object Set]', Date: '[object Date]', RegExp: '[object RegExp]', Promise: '[object Promise]' };
// These share the tag of Error, so the constructor's name has to agree as well.
const ERROR_KINDS = ['TypeError', 'RangeError', 'SyntaxError'];

const tagOf = (value) => Object.prototype.toString.call(value);
const isErrorOfKind = (value, kind) => tagOf(value) === TAGS.Error && value.constructor?.name === kind;

/** Makes `value instanceof global[name]` also accept what `isForeign` recognises; subclasses stay as strict as ever. */
function widen(global, name, isForeign) {
  const own = global[name];
  const native = Function.prototype[Symbol.hasInstance];
  Object.defineProperty(own, Symbol.hasInstance, {
    value(value) {
      return native.call(this, value) || (this === own && isForeign(value));
    },
  });
}

export default class extends TestEnvironment {
  async setup() {
    await super.setup();
    for (const [name, tag] of Object.entries(TAGS)) widen(this.global, name, (value) => tagOf(value) === tag);
    for (const kind of ERROR_KINDS) widen(this.global, kind, (value) => isErrorOfKind(value, kind));
  }
}
