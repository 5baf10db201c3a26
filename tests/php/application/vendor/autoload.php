<?php

// Stands in for Laravel and the durable-workflow library: the classes and methods that an export calls, over a folder
// of bundles (RUN.json, INSTANCE.current) and the rows of rows.json. behaviour.json says what goes wrong:
//   models, load   false: the library has no models, or no WorkflowStub::load
//   boot           {print, throw, exit, seconds}
//   runs           {RUN: {print, throw, query, exit, memory, signal, seconds, hangs, answer, once, warn, stderr}}
//   leak           bytes that each export leaves behind
//   time_zone      that of the application

namespace Standin {
    function behaviour(): array
    {
        static $read = null;

        return $read ??= json_decode((string) file_get_contents(dirname(__DIR__).'/behaviour.json'), true);
    }

    /** What goes wrong at one place; once: only the first time, over all processes. */
    function misbehave(?array $how): void
    {
        if ($how === null) {
            return;
        }
        if (isset($how['once'])) {
            $mark = dirname(__DIR__).'/'.$how['once'];
            if (file_exists($mark)) {
                return;
            }
            touch($mark);
        }
        echo $how['print'] ?? '';
        fwrite(STDERR, $how['stderr'] ?? '');
        if (isset($how['hangs'])) {
            file_put_contents(dirname(__DIR__).'/'.$how['hangs'], "hangs\n", FILE_APPEND);
            fwrite(STDERR, "\n"); // so that whoever looks at a clock that the log moves looks again
        }
        usleep((int) (($how['seconds'] ?? 0) * 1_000_000));
        if (isset($how['warn'])) {
            trigger_error($how['warn'], E_USER_WARNING);
        }
        if (isset($how['throw'])) {
            throw new \RuntimeException($how['throw']);
        }
        if (isset($how['query'])) {
            throw new \Illuminate\Database\QueryException($how['query'], new \PDOException('SQLSTATE[42S02]: no table'));
        }
        if (isset($how['memory'])) {
            ini_set('memory_limit', '32M');
            for ($held = []; ; $held[] = str_repeat('x', 1_000_000));
        }
        if (isset($how['signal'])) {
            posix_kill(getmypid(), $how['signal']);
        }
        if (isset($how['exit'])) {
            exit($how['exit']);
        }
    }

    final class Application
    {
        public function __construct(private string $path)
        {
        }

        public function make(string $class): object
        {
            return new class implements \Illuminate\Contracts\Console\Kernel {
                public function bootstrap(): void
                {
                    // As Laravel: what PHP warns of becomes an exception.
                    set_error_handler(static function (int $level, string $message, string $file, int $line): bool {
                        if (error_reporting() & $level) {
                            throw new \ErrorException($message, 0, $level, $file, $line);
                        }

                        return false;
                    });
                    date_default_timezone_set(behaviour()['time_zone'] ?? 'UTC');
                    ini_set('serialize_precision', behaviour()['serialize_precision'] ?? '-1');
                    misbehave(behaviour()['boot'] ?? null);
                }
            };
        }

        public function version(): string
        {
            return '11.0.0-standin';
        }

        public function forgetScopedInstances(): void
        {
            file_put_contents($this->path.'/scopes', '.', FILE_APPEND);
        }
    }

    /** Rows of rows.json, asked as Laravel's query builder is. */
    final class Query
    {
        private array $rows;

        public function __construct(private string $table)
        {
            $folder = dirname(__DIR__);
            $this->rows = match ($table) {
                'workflow_instances' => array_map(static fn (string $file): array => [
                    'id' => basename($file, '.current'), 'current_run_id' => file_get_contents($file),
                ], glob($folder.'/bundles/*.current')),
                default => is_file($folder.'/rows.json')
                    ? json_decode(file_get_contents($folder.'/rows.json'), true)
                    : array_map(static fn (string $file): array => ['id' => basename($file, '.json')],
                        glob($folder.'/bundles/*.json')),
            };
        }

        public function toBase(): self
        {
            return $this;
        }

        public function where(string $column, mixed $value): self
        {
            return $this->whereIn($column, [$value]);
        }

        public function whereIn(string $column, array $values): self
        {
            $this->rows = array_values(array_filter($this->rows,
                static fn (array $row): bool => in_array($row[$column] ?? null, $values, true)));

            return $this;
        }

        public function orderByDesc(string $column): self
        {
            usort($this->rows, static fn (array $a, array $b): int => $b[$column] <=> $a[$column]);

            return $this;
        }

        public function value(string $column): mixed
        {
            return $this->rows[0][$column] ?? null;
        }

        public function exists(): bool
        {
            return $this->rows !== [];
        }

        public function get(array $columns): array
        {
            return array_map(static fn (array $row): object => (object) array_intersect_key($row, array_flip($columns)),
                $this->rows);
        }
    }

    abstract class Model
    {
        protected string $table = '';

        public function newQuery(): Query
        {
            return new Query($this->table);
        }
    }
}

namespace Illuminate\Contracts\Console {
    interface Kernel
    {
    }
}

namespace Illuminate\Database {
    class QueryException extends \PDOException
    {
        public function __construct(string $sql, \Throwable $previous)
        {
            parent::__construct($previous->getMessage().' (SQL: '.$sql.')', 0, $previous);
        }
    }
}

namespace Illuminate\Database\Eloquent {
    class ModelNotFoundException extends \RuntimeException
    {
    }
}

namespace Illuminate\Support\Facades {
    final class DB
    {
        public static function table(string $table): \Standin\Query
        {
            return new \Standin\Query($table);
        }
    }
}

namespace Composer {
    final class InstalledVersions
    {
        public static function isInstalled(string $package): bool
        {
            return $package === 'durable-workflow/workflow';
        }

        public static function getPrettyVersion(string $package): string
        {
            return '2.0.0-standin';
        }
    }
}

namespace Workflow\V2 {
    trait LoadsCurrentRuns
    {
        public static function load(string $instance): self
        {
            $file = dirname(__DIR__)."/bundles/$instance.current";
            if (! is_file($file)) {
                throw new \Illuminate\Database\Eloquent\ModelNotFoundException('No query results for model [Instance].');
            }

            return self::loadRun(file_get_contents($file));
        }
    }

    trait LoadsRuns
    {
        private static array $leaked = [];

        private function __construct(private string $run)
        {
        }

        public static function loadRun(string $run): self
        {
            if (! is_file(dirname(__DIR__)."/bundles/$run.json")) {
                throw new \Illuminate\Database\Eloquent\ModelNotFoundException('No query results for model [Run].');
            }

            return new self($run);
        }

        public function historyExport(): array
        {
            $how = \Standin\behaviour()['runs'][$this->run] ?? null;
            \Standin\misbehave($how);
            self::$leaked[] = str_repeat('x', \Standin\behaviour()['leak'] ?? 0);
            $run = $how['answer'] ?? $this->run;

            return json_decode(file_get_contents(dirname(__DIR__)."/bundles/$run.json"), true, 512, JSON_THROW_ON_ERROR);
        }
    }

    if (\Standin\behaviour()['library'] ?? true) {
        if (\Standin\behaviour()['load'] ?? true) {
            final class WorkflowStub
            {
                use LoadsCurrentRuns;
                use LoadsRuns;
            }
        } else {
            final class WorkflowStub
            {
                use LoadsRuns;
            }
        }
    }
}

namespace Workflow\V2\Models {
    if (\Standin\behaviour()['models'] ?? true) {
        final class WorkflowRun extends \Standin\Model
        {
            protected string $table = 'workflow_runs';
        }

        final class WorkflowInstance extends \Standin\Model
        {
            protected string $table = 'workflow_instances';
        }
    }
}
