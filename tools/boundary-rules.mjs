// Who may import whom. Dependencies point one way: app → adapter → pure. test/boundaries.spec.ts proves that each
// rule fires on a tree that breaks it.
const PACKAGE = '^(libs|apps)/([^/]+)/';

const forbidden = [
  {
    name: 'no-cycle',
    severity: 'error',
    comment: 'A cycle has no order in which to understand, test or replace its parts.',
    from: {},
    to: { circular: true },
  },
  {
    name: 'no-app-to-app',
    severity: 'error',
    comment: 'Apps are separate deployables: they share libs/contracts, never code of their own.',
    from: { path: '^apps/([^/]+)/' },
    to: { path: '^apps/', pathNot: '^apps/$1/' },
  },
  {
    name: 'no-lib-to-app',
    severity: 'error',
    comment: 'Dependencies point one way: app → adapter → pure.',
    from: { path: '^libs/' },
    to: { path: '^(apps|bench|test)/' },
  },
  {
    name: 'no-src-to-test',
    severity: 'error',
    comment: 'What ships never depends on its tests.',
    from: { path: '/src/' },
    to: { path: '^((libs|apps)/[^/]+/test|test)/' },
  },
  {
    name: 'chain-stands-alone',
    severity: 'error',
    comment: 'Whoever audits the chain reads libs/chain and node:crypto, nothing else.',
    from: { path: '^libs/chain/src/' },
    to: { pathNot: ['^libs/chain/src/', '^(node:)?crypto$'] },
  },
  {
    name: 'envelope-stands-alone',
    severity: 'error',
    comment: 'Whoever audits the encryption reads libs/envelope and node:crypto, nothing else.',
    from: { path: '^libs/envelope/src/' },
    to: { pathNot: ['^libs/envelope/src/', '^(node:)?crypto$'] },
  },
  {
    name: 'rules-stand-alone',
    severity: 'error',
    comment: 'Who may do what, and until when something is owed, is data and pure rules: whoever audits them reads one library and nothing else, not even node:crypto.',
    from: { path: '^libs/(access|legal-clock|retention-rules)/src/' },
    to: { pathNot: '^libs/$1/src/' },
  },
  {
    name: 'credentials-reach-nobody',
    severity: 'error',
    comment: 'Whoever handles passwords and secrets opens no connection and knows no service: what asks a network is handed in.',
    from: { path: '^libs/credentials/src/' },
    to: { pathNot: ['^libs/credentials/src/', '^(node:)?(crypto|fs/promises|os|util|zlib)$', '(^|/)node_modules/(@types/)?(bcrypt|otplib)/'] },
  },
  {
    name: 'contracts-stay-pure',
    severity: 'error',
    comment: 'Contracts are schemas and names: zod and the types of libs/chain only.',
    from: { path: '^libs/contracts/src/' },
    to: { pathNot: ['^libs/contracts/src/', '^libs/chain/src/index\\.ts$', '(^|/)node_modules/zod/'] },
  },
  {
    name: 'contracts-take-only-types-from-chain',
    severity: 'error',
    comment: 'Message schemas describe the chain; they do not run it. Mapping CloudEvents is a rule and throws the chain\'s faults.',
    from: { path: '^libs/contracts/src/', pathNot: '^libs/contracts/src/cloud-event\\.ts$' },
    to: { path: '^libs/chain/', dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'no-deep-import',
    severity: 'error',
    comment: 'Another package is its index; what lies behind it may change without notice.',
    from: { path: PACKAGE },
    to: { path: '^(libs|apps)/[^/]+/', pathNot: ['^$1/$2/', '^libs/[^/]+/src/index\\.ts$'] },
  },
  {
    name: 'no-deep-import-from-root',
    severity: 'error',
    comment: 'The benchmark and the repository-wide tests use packages as a stranger does.',
    from: { path: '^(bench|examples|test)/' },
    to: { path: '^(libs|apps)/[^/]+/', pathNot: '^libs/[^/]+/src/index\\.ts$' },
  },
  {
    name: 'no-framework-in-pure-libs',
    severity: 'error',
    comment: 'A framework in the core cannot be taken out again.',
    from: { path: '^libs/(access|chain|contracts|envelope|legal-clock|retention-rules)/' },
    // Tests hold our nkeys to those of NATS; sources cannot, by the rules above.
    to: { path: 'node_modules/(@nestjs|fastify|rxjs|reflect-metadata|typeorm|pg|@nats-io|pino|nestjs-pino)(/|$)', pathNot: 'node_modules/@nats-io/nkeys/' },
  },
  {
    name: 'no-framework-in-adapters',
    severity: 'error',
    comment: 'Nest is wiring and lives in apps; adapters are plain classes and functions.',
    from: { path: '^libs/[^/]+/src/' },
    to: { path: 'node_modules/(@nestjs|nestjs-pino)/' },
  },
  {
    name: 'examples-are-strangers',
    severity: 'error',
    comment: 'An example shows what a customer has: the API, and libraries made for services of others.',
    from: { path: '^examples/[^/]+/src/' },
    to: { path: '^(libs|apps|bench|test)/', pathNot: '^libs/(bus|client|contracts|holder)/src/index\\.ts$' },
  },
  {
    name: 'no-unresolvable',
    severity: 'error',
    comment: 'What cannot be resolved cannot be judged by the other rules.',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'no-undeclared-package',
    severity: 'error',
    comment: 'Each package.json names what its package uses, so that it can be built and audited alone.',
    from: { path: '^((libs|apps|examples)/[^/]+|bench)/src/' },
    to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev', 'npm-optional'] },
  },
];

export const boundaries = {
  forbidden,
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|coverage)/' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    tsConfig: { fileName: 'tsconfig.test.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@countersign/source', 'node', 'import', 'default', 'types'],
    },
  },
};
