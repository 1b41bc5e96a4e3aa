/**
 * Questions for the documentation corpus, in the words of someone who does not know the answer's words, with
 * judged answers. Candidates were pooled from a BM25 ranking, from an encoder's ranking and from searches by
 * hand, and read: 3 answers the question, 2 answers part of it or shows it in use, 1 helps on the way.
 */
import type { Grades } from '../evaluate/judgements.ts';

export interface Question {
  readonly query: string;
  /** Passage ids by grade; every other passage counts as 0. */
  readonly answers: Readonly<Partial<Record<1 | 2 | 3, readonly string[]>>>;
}

export const questions: readonly Question[] = [
  {
    query: 'how do I hide passwords and tokens in my log output',
    answers: {
      3: ['pino/docs/redaction.md#redaction', 'pino/docs/api.md#redact-array-object'],
      2: [
        'pino/docs/redaction.md#redaction-3',
        'pino/docs/redaction.md#redaction-5',
        'pino/docs/api.md#redact-array-object-2',
        '@pinojs/redact/README.md#usage',
        '@pinojs/redact/README.md#examples',
        '@pinojs/redact/README.md#examples-2',
        '@pinojs/redact/README.md#remove-option',
      ],
      1: [
        'pino/docs/redaction.md#redaction-2',
        'pino/docs/redaction.md#redaction-4',
        'pino/docs/redaction.md#path-syntax',
        'pino/docs/redaction.md#safety',
        'pino/docs/api.md#redact-array-object-3',
        '@pinojs/redact/README.md#overview',
        '@pinojs/redact/README.md#options',
        '@pinojs/redact/README.md#examples-3',
        '@pinojs/redact/README.md#path-syntax',
        '@pinojs/redact/README.md#remove-vs-redact-behavior',
      ],
    },
  },
  {
    query: 'prometheus histogram buckets',
    answers: {
      3: ['prom-client/README.md#configuration-2', 'prom-client/README.md#bucket-generators'],
      2: ['prom-client/README.md#examples'],
      1: [
        'prom-client/README.md#default-metrics-2',
        'prom-client/README.md#default-metrics-3',
        'prom-client/README.md#utility-methods',
        'prom-client/README.md#overview',
      ],
    },
  },
  {
    query: 'write logs from a separate thread so that logging does not block the event loop',
    answers: {
      3: [
        'pino/README.md#transports-log-processing',
        'pino/docs/api.md#pino-transport-options-threadstream',
        'pino/docs/transports.md#transports-2',
        'pino/docs/transports.md#v7-transports-2',
      ],
      2: [
        'pino/docs/transports.md#transports',
        'pino/docs/transports.md#v7-transports',
        'pino/docs/transports.md#legacy-transports-2',
        'pino/docs/asynchronous.md#asynchronous-logging',
      ],
      1: [
        'pino/docs/api.md#options',
        'pino/docs/api.md#pino-transport-options-threadstream-2',
        'pino/docs/api.md#pino-transport-options-threadstream-4',
        'pino/docs/transports.md#v7-transports-4',
        'pino/docs/transports.md#communication-between-pino-and-transports',
        'pino/docs/transports.md#a-single-target-or-single-pipeline',
        'pino/docs/transports.md#b-targets-multiple-destinations',
        'pino/docs/asynchronous.md#caveats',
        'thread-stream/README.md#emit-events',
      ],
    },
  },
  {
    query: 'give up on an http request when the server does not answer in time',
    answers: {
      3: [
        'undici/docs/docs/api/Client.md#parameter-clientoptions',
        'undici/docs/docs/api/Dispatcher.md#parameter-dispatchoptions-4',
        'undici/docs/docs/api/Dispatcher.md#parameter-dispatchoptions-3',
      ],
      2: [
        'undici/docs/docs/api/Dispatcher.md#example-2-aborting-a-request',
        'undici/docs/docs/api/Errors.md#errors',
      ],
      1: [
        'undici/docs/docs/api/Dispatcher.md#example-2-aborting-a-request-2',
        'undici/docs/docs/api/Dispatcher.md#example-2-aborting-a-request-3',
        'undici/docs/docs/api/Client.md#parameter-clientoptions-2',
      ],
    },
  },
  {
    query: 'semver caret range',
    answers: {
      3: ['semver/README.md#caret-ranges-1-2-3-0-2-5-0-0-4'],
      2: [
        'semver/README.md#caret-ranges-1-2-3-0-2-5-0-0-4-2',
        'semver/README.md#caret-ranges-1-2-3-0-2-5-0-0-4-3',
      ],
      1: [
        'semver/README.md#advanced-range-syntax',
        'semver/README.md#range-grammar-2',
        'semver/README.md#ranges-2',
      ],
    },
  },
  {
    query: 'pretend to be a remote api in unit tests without opening a socket',
    answers: {
      3: [
        'undici/docs/docs/best-practices/mocking-request.md#mocking-request',
        'undici/docs/docs/best-practices/mocking-request.md#mocking-request-2',
        'undici/docs/docs/api/MockAgent.md#class-mockagent',
        'undici/docs/docs/api/MockAgent.md#example-basic-mocked-request',
      ],
      2: [
        'undici/docs/docs/api/MockAgent.md#mockagent-get-origin',
        'undici/docs/docs/api/MockAgent.md#example-basic-mocked-request-with-local-mock-agent-dispatche',
        'undici/docs/docs/api/MockAgent.md#example-basic-mocked-request-with-local-mock-pool-dispatcher',
        'undici/docs/docs/api/MockAgent.md#example-basic-mocked-request-with-local-mock-client-dispatch',
        'undici/docs/docs/api/MockPool.md#class-mockpool',
        'undici/docs/docs/api/MockPool.md#mockpool-intercept-options',
        'undici/docs/docs/api/MockPool.md#example-basic-mocked-request',
        'undici/docs/docs/api/MockClient.md#example-basic-mockclient-instantiation',
        'undici/docs/docs/api/SnapshotAgent.md#snapshotagent',
        'undici/docs/docs/api/SnapshotAgent.md#use-cases',
      ],
      1: [
        'undici/docs/docs/api/MockAgent.md#example-basic-mockagent-instantiation',
        'undici/docs/docs/api/MockAgent.md#mockagent-enablenetconnect-host',
        'undici/docs/docs/api/MockAgent.md#mockagent-disablenetconnect',
        'undici/docs/docs/api/MockAgent.md#example-activate-mocking',
        'undici/docs/docs/api/MockClient.md#class-mockclient',
        'undici/docs/docs/api/SnapshotAgent.md#vs-manual-mockagent-setup',
        'undici/docs/docs/api/SnapshotAgent.md#vs-nock',
        'undici/docs/docs/best-practices/writing-tests.md#writing-tests',
        'undici/docs/docs/best-practices/mocking-request.md#reply-with-data-based-on-request',
        'undici/docs/docs/best-practices/mocking-request.md#debug-mock-value',
      ],
    },
  },
  {
    query: 'why does my node script never exit',
    answers: {
      3: ['why-is-node-running/README.md#usage', 'why-is-node-running/README.md#overview'],
      2: [
        'why-is-node-running/README.md#cli',
        'why-is-node-running/README.md#usage-2',
        'why-is-node-running/README.md#usage-3',
        'why-is-node-running/README.md#require-cli-option',
      ],
      1: ['why-is-node-running/README.md#installation'],
    },
  },
  {
    query: 'try again after a failure and wait longer each time',
    answers: {
      3: ['retry/README.md#overview', 'retry/README.md#tutorial', 'retry/README.md#retry-timeouts-options'],
      2: [
        'retry/README.md#tutorial-2',
        'retry/README.md#retry-operation-options',
        'retry/README.md#retry-timeouts-options-2',
        'retry/README.md#retry-createtimeout-attempt-opts',
        'retry/README.md#retryoperation-attempt-fn-timeoutops',
        'undici/docs/docs/api/RetryAgent.md#parameter-retryhandleroptions',
        'undici/docs/docs/api/RetryAgent.md#parameter-retryhandleroptions-2',
        'undici/docs/docs/api/RetryHandler.md#retryoptions',
      ],
      1: [
        'retry/README.md#new-retryoperation-timeouts-options',
        'retry/README.md#retryoperation-retry-error',
        'retry/README.md#retry-wrap-obj-options-methodnames',
        'undici/docs/docs/api/RetryAgent.md#class-retryagent',
        'undici/docs/docs/api/RetryAgent.md#parameter-retryhandleroptions-3',
        'undici/docs/docs/api/RetryHandler.md#class-retryhandler',
        'undici/docs/docs/api/Dispatcher.md#retry',
      ],
    },
  },
  {
    query: 'reject json from users that tries to pollute the prototype',
    answers: {
      3: [
        'secure-json-parse/README.md#overview',
        'secure-json-parse/README.md#introduction',
        'secure-json-parse/README.md#usage',
        'secure-json-parse/README.md#sjson-parse-text-reviver-options',
      ],
      2: ['secure-json-parse/README.md#usage-2', 'secure-json-parse/README.md#sjson-scan-obj-options'],
      1: [
        'secure-json-parse/README.md#sjson-parse-text-reviver-options-2',
        'qs/README.md#parsing-objects',
        'qs/README.md#parsing-objects-2',
      ],
    },
  },
  {
    query: 'rotate log files',
    answers: {
      3: ['pino/docs/help.md#log-rotation', 'pino/docs/transports.md#pino-roll'],
      2: [
        'pino/docs/help.md#reopening-log-files',
        'pino/docs/help.md#reopening-log-files-2',
        'sonic-boom/README.md#sonicboom-reopen-file',
      ],
    },
  },
  {
    query: 'limit how much memory a cache may use instead of how many entries it has',
    answers: {
      3: ['lru-cache/README.md#storage-bounds-safety', 'lru-cache/README.md#usage-2'],
      2: ['undici/docs/docs/api/CacheStore.md#memorycachestore', 'lru-cache/README.md#usage'],
      1: [
        'undici/README.md#using-cache-interceptor-2',
        'undici/docs/docs/api/CacheStore.md#memorycachestore-isfull',
        'undici/docs/docs/api/CacheStore.md#maxsizeexceeded',
      ],
    },
  },
  {
    query: 'only one process at a time may write to a file',
    answers: {
      3: [
        'proper-lockfile/README.md#overview',
        'proper-lockfile/README.md#lock-file-options',
        'proper-lockfile/README.md#lock-file-options-3',
      ],
      2: [
        'proper-lockfile/README.md#design',
        'proper-lockfile/README.md#comparison',
        'proper-lockfile/README.md#unlock-file-options-2',
      ],
      1: [
        'proper-lockfile/README.md#lock-file-options-2',
        'proper-lockfile/README.md#unlock-file-options',
        'proper-lockfile/README.md#check-file-options',
        'proper-lockfile/README.md#locksync-file-options',
        'proper-lockfile/README.md#compromised',
        'proper-lockfile/README.md#graceful-exit',
      ],
    },
  },
  {
    query: 'strip colours from terminal output',
    answers: {
      3: ['strip-ansi/readme.md#usage'],
      2: ['ansi-regex/readme.md#usage'],
      1: ['ansi-regex/readme.md#onlyfirst', 'commander/Readme.md#override-exit-and-output-handling-2'],
    },
  },
  {
    query: 'find the real client ip address behind a load balancer',
    answers: {
      3: ['proxy-addr/README.md#proxyaddr-req-trust', 'forwarded/README.md#forwarded-req'],
      2: ['proxy-addr/README.md#proxyaddr-req-trust-2', 'proxy-addr/README.md#proxyaddr-all-req-trust'],
      1: ['proxy-addr/README.md#proxyaddr-req-trust-3', 'proxy-addr/README.md#proxyaddr-compile-val'],
    },
  },
  {
    query: 'commander variadic option',
    answers: {
      3: ['commander/Readme.md#variadic-option'],
      2: ['commander/Readme.md#variadic-option-2'],
      1: [
        'commander/Readme.md#common-option-types-boolean-and-value-2',
        'commander/Readme.md#custom-option-processing',
        'commander/Readme.md#command-arguments-2',
      ],
    },
  },
  {
    query: 'percentiles of request duration for monitoring',
    answers: {
      3: ['prom-client/README.md#configuration-3', 'prom-client/README.md#utility-methods-2'],
      2: [
        'prom-client/README.md#utility-methods',
        'prom-client/README.md#examples-2',
        'prom-client/README.md#configuration-2',
        'prom-client/README.md#labels-2',
      ],
      1: [
        'prom-client/README.md#configuration-4',
        'prom-client/README.md#examples',
        'prom-client/README.md#utility-functions',
        'tdigest/README.md#overview',
        'tdigest/README.md#node-js',
      ],
    },
  },
  {
    query: 'unpack an archive without reading all of it into memory',
    answers: {
      3: [
        'yauzl/README.md#overview',
        'yauzl/README.md#usage',
        'tar-stream/README.md#overview',
        'tar-stream/README.md#extracting',
      ],
      2: [
        'yauzl/README.md#usage-2',
        'yauzl/README.md#openreadstream-entry-options-callback',
        'yauzl/README.md#open-path-options-callback-2',
        'tar-stream/README.md#extracting-as-an-async-iterator',
        'tar-fs/README.md#usage',
      ],
      1: [
        'yauzl/README.md#no-streaming-unzip-api',
        'yauzl/README.md#eachentry',
        'yauzl/README.md#readentry',
        'adm-zip/README.md#what-is-it-good-for',
        'adm-zip/README.md#basic-usage',
      ],
    },
  },
  {
    query: 'command line option that the user must give',
    answers: {
      3: ['commander/Readme.md#required-option'],
      2: ['commander/Readme.md#more-configuration-4'],
      1: [
        'commander/Readme.md#common-option-types-boolean-and-value',
        'commander/Readme.md#default-option-value',
      ],
    },
  },
  {
    query: 'sameSite cookie attribute',
    answers: {
      3: ['cookie/README.md#samesite'],
      1: [
        'undici/docs/docs/api/Cookies.md#cookie-interface',
        'undici/docs/docs/api/Cookies.md#parsecookie-cookie',
        'cookie/README.md#cookie-serialize-name-value-options',
        'cookie/README.md#options-2',
      ],
    },
  },
  {
    query: 'program with subcommands, each with options of its own',
    answers: {
      3: ['commander/Readme.md#commands', 'commander/Readme.md#quick-start-3'],
      2: [
        'commander/Readme.md#commands-2',
        'commander/Readme.md#commands-3',
        'commander/Readme.md#stand-alone-executable-sub-commands',
        'commander/Readme.md#stand-alone-executable-sub-commands-2',
        'commander/Readme.md#action-handler',
        'commander/Readme.md#parsing-configuration',
        'commander/Readme.md#quick-start-2',
      ],
      1: [
        'commander/Readme.md#quick-start',
        'commander/Readme.md#action-handler-3',
        'commander/Readme.md#parsing-configuration-2',
        'commander/Readme.md#createcommand',
        'commander/Readme.md#command-arguments',
      ],
    },
  },
  {
    query: 'what does a double asterisk in a file pattern mean',
    answers: {
      3: ['glob/README.md#glob-primer-4', 'picomatch/README.md#basic-globbing'],
      2: [
        'glob/README.md#comparisons-to-other-fnmatch-glob-implementations',
        'minimatch/README.md#features',
        'minimatch/README.md#comparisons-to-other-fnmatch-glob-implementations-2',
      ],
      1: [
        'glob/README.md#glob-primer',
        'glob/README.md#glob-primer-2',
        'glob/README.md#comparisons-to-other-fnmatch-glob-implementations-2',
        'minimatch/README.md#optimizationlevel',
        'picomatch/README.md#matching-behavior-vs-bash',
      ],
    },
  },
  {
    query: 'keep 64-bit integers exact when reading json',
    answers: {
      3: ['json11/README.md#parameters'],
      2: ['json11/README.md#bigints', 'json11/README.md#overview'],
      1: [
        'json11/README.md#json11-parse',
        'long/README.md#background',
        'long/README.md#overview',
        'protobufjs/README.md#compatibility-2',
      ],
    },
  },
  {
    query: 'show progress of several downloads at once',
    answers: {
      3: ['cli-progress/README.md#example-2', 'cli-progress/README.md#constructor-2'],
      2: ['cli-progress/README.md#create', 'cli-progress/README.md#features'],
      1: [
        'cli-progress/README.md#remove',
        'cli-progress/README.md#log',
        'cli-progress/README.md#overview',
        'cli-progress/README.md#usage',
      ],
    },
  },
  {
    query: 'glob ignore pattern',
    answers: {
      3: ['glob/README.md#options-9'],
      2: [
        'readdir-glob/README.md#options',
        'glob/README.md#command-line-interface-8',
        'glob/README.md#usage-2',
      ],
      1: [
        'glob/README.md#usage-6',
        'glob/README.md#comments-and-negation',
        '@balena/dockerignore/README.md#add-patterns',
        'picomatch/README.md#options-onignore',
      ],
    },
  },
  {
    query: 'check that input has the right shape and get a typed value back',
    answers: {
      3: ['zod/README.md#what-is-zod', 'zod/README.md#parsing-data'],
      2: ['zod/README.md#basic-usage', 'zod/README.md#inferring-types', 'zod/README.md#handling-errors-2'],
      1: [
        'zod/README.md#overview',
        'zod/README.md#handling-errors',
        'zod/README.md#inferring-types-2',
        'zod/README.md#aot-compilation',
        '@standard-schema/spec/README.md#overview',
      ],
    },
  },
  {
    query: 'run cleanup code when the process is interrupted',
    answers: {
      3: ['signal-exit/README.md#overview'],
      2: [
        'signal-exit/README.md#api',
        'on-exit-leak-free/README.md#overview',
        'on-exit-leak-free/README.md#example',
      ],
      1: [
        'signal-exit/README.md#options',
        'foreground-child/README.md#util-foreground-child-watchdog',
        'foreground-child/README.md#usage-2',
        'proper-lockfile/README.md#graceful-exit',
        'tmp/README.md#graceful-cleanup',
      ],
    },
  },
  {
    query: 'pull a docker image from a registry that needs a login',
    answers: {
      3: ['dockerode/README.md#pull-from-private-repos'],
      2: ['dockerode/README.md#equivalent-of-docker-pull-in-dockerode'],
      1: ['dockerode/README.md#helper-functions', 'dockerode/README.md#docker'],
    },
  },
  {
    query: 'nested objects in a query string',
    answers: {
      3: ['qs/README.md#parsing-objects', 'qs/README.md#parsing-objects-3'],
      2: [
        'qs/README.md#parsing-objects-6',
        'qs/README.md#stringifying',
        'qs/README.md#stringifying-3',
        'qs/README.md#parsing-objects-7',
      ],
      1: [
        'qs/README.md#parsing-objects-4',
        'qs/README.md#parsing-objects-8',
        'qs/README.md#stringifying-9',
        'body-parser/README.md#extended',
        'body-parser/README.md#depth',
      ],
    },
  },
  {
    query: 'let browsers keep static files for a year',
    answers: {
      3: ['send/README.md#maxage', 'send/README.md#immutable'],
      2: ['serve-static/README.md#different-settings-for-paths', 'send/README.md#cachecontrol'],
      1: ['serve-static/README.md#setheaders', 'serve-static/README.md#servestatic-root-options'],
    },
  },
  {
    query: 'lru cache ttl and stale items',
    answers: {
      3: ['lru-cache/README.md#storage-bounds-safety-2', 'lru-cache/README.md#usage-2'],
      2: [
        'lru-cache/README.md#overview',
        'lru-cache/README.md#storage-bounds-safety-3',
        'lru-cache/README.md#usage-3',
      ],
      1: [
        'lru-cache/README.md#storage-bounds-safety',
        'lru-cache/README.md#storage-bounds-safety-4',
        'lru-cache/README.md#performance-6',
      ],
    },
  },
  {
    query: 'cookie that scripts on the page cannot read',
    answers: {
      3: ['cookie/README.md#httponly'],
      1: [
        'cookie/README.md#example-2',
        'cookie/README.md#cookie-serialize-name-value-options',
        'undici/docs/docs/api/Cookies.md#cookie-interface',
      ],
    },
  },
  {
    query: 'connect through a corporate proxy that asks for a user name and password',
    answers: {
      3: [
        'undici/docs/docs/api/ProxyAgent.md#example-basic-proxy-request-with-authentication',
        'undici/docs/docs/best-practices/proxy.md#connect-with-authentication',
        'hpagent/README.md#usage-3',
      ],
      2: [
        'undici/docs/docs/best-practices/proxy.md#connecting-through-a-proxy',
        'undici/docs/docs/best-practices/proxy.md#connect-with-authentication-2',
        'undici/docs/docs/api/ProxyAgent.md#parameter-proxyagentoptions-2',
        'undici/docs/docs/api/Socks5ProxyAgent.md#example-socks5-proxy-request-with-authentication',
        'undici/docs/docs/api/Socks5ProxyAgent.md#parameter-socks5proxyagent-options',
      ],
      1: [
        'undici/docs/docs/api/ProxyAgent.md#class-proxyagent',
        'undici/docs/docs/api/ProxyAgent.md#parameter-proxyagentoptions',
        'undici/docs/docs/api/EnvHttpProxyAgent.md#class-envhttpproxyagent',
        'undici/docs/docs/api/Socks5ProxyAgent.md#class-socks5proxyagent',
        'undici/docs/docs/api/Socks5ProxyAgent.md#security-notes',
        'hpagent/README.md#overview',
        'hpagent/README.md#usage-2',
        'global-agent/README.md#setup-proxy-using-global-agent-bootstrap',
      ],
    },
  },
  {
    query: 'which of two version numbers is newer',
    answers: {
      3: ['semver/README.md#comparison'],
      2: ['semver/README.md#usage', 'semver/README.md#comparison-2'],
      1: ['semver/README.md#versions', 'semver/README.md#ranges-4'],
    },
  },
  {
    query: 'find edge cases with random inputs',
    answers: {
      3: ['fast-check/README.md#getting-started'],
      2: [
        'fast-check/README.md#getting-started-2',
        'fast-check/README.md#why-should-i-migrate-to-fast-check',
        'fast-check/README.md#why-should-i-migrate-to-fast-check-2',
        'fast-check/README.md#getting-started-3',
      ],
      1: ['fast-check/README.md#why-should-i-migrate-to-fast-check-3', 'fast-check/README.md#powerful'],
    },
  },
  {
    query: 'decode text that is not utf-8',
    answers: {
      3: ['iconv-lite/README.md#basic-api', 'iconv-lite/README.md#supported-encodings'],
      2: [
        'iconv-lite/README.md#streaming-api',
        'iconv-lite/README.md#utf-16-encodings',
        'iconv-lite/README.md#utf-32-encodings',
        'iconv-lite/README.md#iconv-lite-pure-js-character-encoding-conversion',
      ],
      1: [
        'iconv-lite/README.md#streaming-api-2',
        'iconv-lite/README.md#bom-handling',
        'iconv-lite/README.md#other-notes',
        'text-decoder/README.md#overview',
        'raw-body/README.md#getrawbody-stream-options-callback',
      ],
    },
  },
  {
    query: 'warn that a function is obsolete',
    answers: {
      3: [
        'depd/Readme.md#deprecate-function-fn-message',
        'depd/Readme.md#deprecating-all-calls-to-a-function',
        'depd/Readme.md#deprecate-message',
        'util-deprecate/README.md#api',
        'process-warning/README.md#createdeprecation-code-message-options',
      ],
      2: [
        'depd/Readme.md#api',
        'depd/Readme.md#display',
        'depd/Readme.md#conditionally-deprecating-a-function-call',
        'depd/Readme.md#conditionally-deprecating-a-function-call-2',
        'util-deprecate/README.md#the-node-js-util-deprecate-function-with-browser-support',
        'process-warning/README.md#usage',
      ],
      1: [
        'depd/Readme.md#deprecate-property-obj-prop-message',
        'depd/Readme.md#deprecating-property-access',
        'depd/Readme.md#depd-namespace',
        'depd/Readme.md#process-on-deprecation-fn',
        'process-warning/README.md#overview',
      ],
    },
  },
  {
    query: 'what happens when the posted body is bigger than the limit',
    answers: {
      3: ['body-parser/README.md#request-entity-too-large', 'raw-body/README.md#entity-too-large'],
      2: ['body-parser/README.md#limit', 'raw-body/README.md#getrawbody-stream-options-callback'],
      1: [
        'body-parser/README.md#errors',
        'body-parser/README.md#parameterlimit',
        'body-parser/README.md#too-many-parameters',
        'raw-body/README.md#overview',
        'raw-body/README.md#request-size-invalid',
        'raw-body/README.md#errors',
      ],
    },
  },
  {
    query: 'retry-after header and status codes',
    answers: {
      3: ['undici/docs/docs/api/RetryAgent.md#parameter-retryhandleroptions-2'],
      2: ['statuses/README.md#status-retry-code'],
      1: [
        'undici/docs/docs/api/RetryHandler.md#retryoptions',
        'undici/docs/docs/api/RetryAgent.md#parameter-retryhandleroptions',
        'undici/docs/docs/api/Dispatcher.md#retry',
      ],
    },
  },
  {
    query: 'part of a url path that may be left out',
    answers: {
      3: ['path-to-regexp/Readme.md#optional'],
      2: ['path-to-regexp/Readme.md#unexpected-or'],
      1: [
        'path-to-regexp/Readme.md#express-4-x',
        'path-to-regexp/Readme.md#parameters',
        'path-to-regexp/Readme.md#wildcard',
      ],
    },
  },
  {
    query: 'temporary directory that is removed when the program ends',
    answers: {
      3: ['tmp/README.md#asynchronous-directory-creation', 'tmp/README.md#graceful-cleanup'],
      2: [
        'tmp/README.md#synchronous-directory-creation',
        'tmp/README.md#asynchronous-directory-creation-2',
        'tmp/README.md#options-3',
        'tmp/README.md#about',
      ],
      1: [
        'tmp/README.md#synchronous-directory-creation-2',
        'tmp/README.md#options-2',
        'tmp/README.md#asynchronous-file-creation',
        'tmp/README.md#mkstemp-like-asynchronously',
      ],
    },
  },
  {
    query: 'serialize an object that refers to itself',
    answers: {
      3: [
        'safe-stable-stringify/readme.md#overview',
        'safe-stable-stringify/readme.md#stringify-value-replacer-space',
        'safe-stable-stringify/readme.md#differences-to-json-stringify',
      ],
      2: [
        'safe-stable-stringify/readme.md#stringify-configure-options',
        'safe-stable-stringify/readme.md#stringify-configure-options-4',
        'object-inspect/readme.markdown#circular',
      ],
      1: [
        'safe-stable-stringify/readme.md#stringify-configure-options-3',
        'serialize-error/readme.md#serializeerror-value-options',
      ],
    },
  },
  {
    query: 'edit source code and still get a correct source map',
    answers: {
      3: [
        'magic-string/README.md#overview',
        'magic-string/README.md#overview-2',
        'magic-string/README.md#usage',
      ],
      2: [
        'magic-string/README.md#s-generatemap-options',
        'source-map-js/README.md#with-sourcenode-high-level-api',
        'source-map-js/README.md#sourcenode',
      ],
      1: [
        'magic-string/README.md#s-generatedecodedmap-options',
        'magic-string/README.md#s-overwrite-start-end-content-options',
        'magic-string/README.md#s-update-start-end-content-options',
        'magic-string/README.md#s-addsourcemaplocation-index',
        'magic-string/README.md#bundling',
        'source-map-js/README.md#with-sourcemapgenerator-low-level-api',
        'source-map-js/README.md#sourcemapgenerator-prototype-applysourcemap-sourcemapconsume',
        '@jridgewell/sourcemap-codec/README.md#why',
      ],
    },
  },
];

/** The answers of a question by passage id. */
export function gradesOf(question: Question): Grades {
  return new Map(
    Object.entries(question.answers).flatMap(([grade, ids]) => ids.map((id) => [id, Number(grade)] as const)),
  );
}
