import { TestEnvironment } from 'jest-environment-node';

// Jest runs tests in a VM context of its own. Errors, arrays and maps made by Node's core belong to another realm,
// so `instanceof` is false for them; matching by the object's tag makes both realms agree.
const TAGS = { Error: '[object Error]', Array: '[object Array]', Map: '[object Map]', Set: '[object Set]', Date: '[object Date]', RegExp: '[object RegExp]', Promise: '[object Promise]' };

export default class extends TestEnvironment {
  async setup() {
    await super.setup();
    for (const [name, tag] of Object.entries(TAGS)) {
      const own = this.global[name];
      const native = Function.prototype[Symbol.hasInstance];
      Object.defineProperty(own, Symbol.hasInstance, {
        value(value) {
          return native.call(this, value) || (this === own && Object.prototype.toString.call(value) === tag);
        },
      });
    }
  }
}
