import { createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { blindIndex, blindIndexKey, fieldKey, openField, unwrapKey } from '../src/index.js';
import type { ColumnContext, EnvelopeFaultCode, FieldContext, WrapContext } from '../src/index.js';
import { fieldAad, wrapAad } from '../src/context.js';
import { gcmDecrypt, gcmEncrypt } from '../src/gcm.js';
import { lengthPrefixed } from '../src/length-prefixed.js';
import { sealText } from '../src/sealed-text.js';
import { bytes, faultOf, hex, keyOf } from './fixture.js';
import { readVector, vectorsOf } from './vectors.js';

interface Sealing<Operation, Context> {
  readonly operation: Operation;
  readonly keyId: string;
  readonly key: string;
  readonly iv: string;
  readonly context: Context;
  readonly plaintext: string;
}
type ValidInput =
  | { readonly operation: 'gcm'; readonly key: string; readonly iv: string; readonly aad: string; readonly plaintext: string }
  | { readonly operation: 'aad'; readonly keyId: string; readonly context: FieldContext | WrapContext }
  | Sealing<'seal', FieldContext>
  | Sealing<'wrap', WrapContext>
  | { readonly operation: 'blind-index'; readonly key: string; readonly version: number; readonly context: ColumnContext; readonly value: string };

interface Opening<Operation, Context> {
  readonly operation: Operation;
  readonly keyId: string;
  readonly key: string;
  readonly context: Context;
  readonly text: string;
}
type InvalidInput =
  | Opening<'open', FieldContext>
  | Opening<'unwrap', WrapContext>
  | { readonly operation: 'key'; readonly keyId: string; readonly key: string; readonly usesMax?: number };

function performGcm(input: ValidInput & { operation: 'gcm' }): unknown {
  const [key, iv, aad, plaintext] = [createSecretKey(bytes(input.key)), bytes(input.iv), bytes(input.aad), bytes(input.plaintext)];
  const { ciphertext, tag } = gcmEncrypt(key, iv, aad, plaintext);
  expect(gcmDecrypt(key, iv, aad, ciphertext, tag)).toEqual(plaintext);
  return { ciphertext: hex(ciphertext), tag: hex(tag) };
}

function perform(input: ValidInput): unknown {
  switch (input.operation) {
    case 'gcm':
      return performGcm(input);
    case 'aad':
      return { aad: hex('purpose' in input.context ? wrapAad(input.keyId, input.context) : fieldAad(input.keyId, input.context)) };
    case 'seal': {
      const key = keyOf({ keyId: input.keyId, secret: input.key });
      const text = sealText(key, bytes(input.iv), fieldAad(input.keyId, input.context), bytes(input.plaintext));
      expect(hex(openField(key, input.context, text))).toBe(input.plaintext);
      return { text };
    }
    case 'wrap': {
      const key = keyOf({ keyId: input.keyId, secret: input.key });
      const text = sealText(key, bytes(input.iv), wrapAad(input.keyId, input.context), bytes(input.plaintext));
      expect(hex(unwrapKey(key, input.context, text))).toBe(input.plaintext);
      return { text };
    }
    case 'blind-index':
      return { index: blindIndex(blindIndexKey({ version: input.version, bytes: bytes(input.key) }), input.context, bytes(input.value)) };
  }
}

function refuse(input: InvalidInput): unknown {
  if (input.operation === 'key') return fieldKey({ keyId: input.keyId, bytes: bytes(input.key), usesMax: input.usesMax });
  const key = keyOf({ keyId: input.keyId, secret: input.key });
  return input.operation === 'open' ? openField(key, input.context, input.text) : unwrapKey(key, input.context, input.text);
}

describe('what is encrypted, wrapped and indexed', () => {
  it.each(vectorsOf<ValidInput, unknown>('valid'))('$why', ({ input, expect: expected }) => {
    expect(perform(input)).toEqual(expected);
  });

  it('is told apart: no two vectors have the same additional data, text or index', () => {
    const results = vectorsOf<ValidInput, unknown>('valid').map(({ expect: expected }) => JSON.stringify(expected));
    expect(new Set(results).size).toBe(results.length);
  });
});

describe('what is refused', () => {
  it.each(vectorsOf<InvalidInput, { fault: EnvelopeFaultCode }>('invalid'))('$why', ({ input, expect: { fault } }) => {
    expect(faultOf(() => refuse(input))).toBe(fault);
  });
});

describe('version 3', () => {
  it('is specified so that its vector opens by the words of the specification', () => {
    const { input } = readVector<Opening<'open', FieldContext> & { plaintext: string }, unknown>('invalid/version-3-whole.json');
    const { tenant, table, column, row } = input.context;
    const [, keyId, ...encoded] = input.text.split(':') as [string, string, ...string[]];
    const [salt, commitment, tag, ciphertext] = encoded.map((part) => Buffer.from(part, 'base64url')) as [Buffer, Buffer, Buffer, Buffer];
    const derive = (label: string): Uint8Array => new Uint8Array(hkdfSync('sha256', bytes(input.key), salt, lengthPrefixed(label, [['key id', keyId, 64]]), 32));
    expect(timingSafeEqual(derive('countersign.envelope.v3.commit'), commitment)).toBe(true);
    const key = createSecretKey(derive('countersign.envelope.v3.encrypt'));
    const names = [keyId, tenant, table, column, row].map((name) => ['name', name, 1024] as const);
    const plaintext = gcmDecrypt(key, Buffer.alloc(12), lengthPrefixed('countersign.envelope.v3', names), ciphertext, tag);
    expect(plaintext).toEqual(bytes(input.plaintext));
  });
});
