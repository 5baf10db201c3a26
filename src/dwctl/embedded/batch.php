<?php

/*
 * dwctl's batch process: boots the Laravel application once, then answers one question a line on stdin, each with
 * one frame on stdout (see frames.py beside this file), until stdin ends. It changes nothing in the application, and
 * writes no file. It is handed to `php -r` over stdin; the line that follows it there describes the session:
 * {"token": "…", "path": "/application", "alarm": 65}. A question is {"number": 1, "ask": "run", "id": "…"}.
 *
 * PHP 8.0 and later. No name is defined outside of one nameless class, and nothing is printed but frames.
 */

(new class {
    private const RUNS = 'Workflow\V2\WorkflowStub';
    private const MODELS = 'Workflow\V2\Models\\';
    private const FLAGS = JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR;
    private const FULL = 0.6;
    private const UNLIMITED = 1 << 30;

    private string $token = '';
    private int $alarm = 0;
    private int $number = 0;
    private float $began = 0.0;
    private bool $done = false;
    private ?string $reserve = null;
    private $application = null;

    public function serve(): void
    {
        $session = json_decode((string) fgets(STDIN), true);
        if (! is_string($session['token'] ?? null) || ! is_string($session['path'] ?? null)) {
            exit(70);
        }
        $this->token = $session['token'];
        $this->alarm = (int) ($session['alarm'] ?? 0);
        $this->began = microtime(true);
        // Registered before the application registers its own, so that this one runs first.
        $this->reserve = str_repeat("\0", 131072);
        register_shutdown_function(function (): void {
            $this->tellWhyItEnds();
        });
        $this->watch(true);
        $this->send('up', []);
        $this->boot($session['path']);
        $this->send('ready', $this->about());
        $this->watch(false);
        while (is_string($line = fgets(STDIN)) && str_ends_with($line, "\n")) {
            if ($this->answer($line)) {
                break;
            }
        }
        $this->done = true;
    }

    private function boot(string $path): void
    {
        if (! @chdir($path)) {
            $this->refuse('path', 'there is no such folder, or PHP may not enter it');
        }
        foreach (['vendor/autoload.php', 'bootstrap/app.php'] as $file) {
            if (! is_file($file)) {
                $this->refuse('path', "there is no $file in it");
            }
        }
        $path = getcwd();
        // Packages look at the command line to see what they boot for: the same as for the artisan command.
        $_SERVER['argv'] = $GLOBALS['argv'] = [$path.'/artisan', 'workflow:v2:history-export'];
        $_SERVER['argc'] = $GLOBALS['argc'] = 2;
        defined('LARAVEL_START') || define('LARAVEL_START', microtime(true));
        try {
            require $path.'/vendor/autoload.php';
            $this->application = require $path.'/bootstrap/app.php';
            $this->application->make(\Illuminate\Contracts\Console\Kernel::class)->bootstrap();
            $there = is_callable([self::RUNS, 'loadRun']);
        } catch (\Throwable $error) {
            $this->refuse('boot', $this->said($error));
        }
        if (! $there) {
            $this->refuse('library', self::RUNS.'::loadRun is not there');
        }
    }

    private function about(): array
    {
        $package = 'durable-workflow/workflow';
        $library = class_exists(\Composer\InstalledVersions::class)
            && \Composer\InstalledVersions::isInstalled($package)
                ? \Composer\InstalledVersions::getPrettyVersion($package) : null;
        $laravel = is_callable([$this->application, 'version']) ? $this->application->version() : null;

        return ['php' => PHP_VERSION, 'laravel' => $laravel, 'library' => $library];
    }

    /** Answer one question. True where this process should end now, because its memory has filled up. */
    private function answer(string $line): bool
    {
        $question = json_decode($line, true);
        $this->number = (int) ($question['number'] ?? 0);
        $this->began = microtime(true);
        $this->watch(true);
        // What the checksum is computed from and what is printed must write floats as the importer will.
        ini_set('serialize_precision', '-1');
        try {
            [$kind, $payload] = match ($question['ask'] ?? null) {
                'run' => ['bundle', json_encode($this->export($question['id'], true), self::FLAGS)],
                'instance' => ['bundle', json_encode($this->export($question['id'], false), self::FLAGS)],
                'positions' => ['answer', json_encode($this->positions($question['ids']), self::FLAGS)],
                default => throw new \LogicException('dwctl asked what its batch process does not know'),
            };
        } catch (\Throwable $error) {
            $kind = 'error';
            $payload = $this->encode($this->failure($error, $question));
        }
        $error = null;
        if (is_callable([$this->application, 'forgetScopedInstances'])) {
            $this->application->forgetScopedInstances(); // as a queue worker does between two jobs
        }
        $leaving = $this->isFull();
        $this->sendText($kind, $payload, $leaving);
        $this->number = 0;
        $this->watch(false);

        return $leaving;
    }

    private function export(string $id, bool $run): array
    {
        $stub = $run ? (self::RUNS)::loadRun($id) : $this->current($id);
        $document = $stub->historyExport();
        if (! is_array($document)) {
            throw new \UnexpectedValueException('historyExport() gave '.get_debug_type($document).' and no array');
        }

        return $document;
    }

    /** The current run of an instance: as the library finds it, else by the instance's row. */
    private function current(string $instance): object
    {
        if (is_callable([self::RUNS, 'load'])) {
            return (self::RUNS)::load($instance);
        }
        $run = $this->table('WorkflowInstance', 'workflow_instances')->where('id', $instance)->value('current_run_id')
            ?? $this->table('WorkflowRun', 'workflow_runs')->where('workflow_instance_id', $instance)
                ->orderByDesc('run_number')->value('id');
        if ($run === null) {
            throw new \OutOfBoundsException('there is no such instance');
        }

        return (self::RUNS)::loadRun($run);
    }

    /**
     * What is told of a question that failed. Whether what was asked for does not exist is told by the rows, not by
     * the error's words; `of` is the instance of a run whose id was given for that of an instance.
     */
    private function failure(\Throwable $error, array $question): array
    {
        $failure = ['missing' => false, 'of' => null, 'message' => $this->said($error)];
        $ask = $question['ask'] ?? null;
        if ($ask !== 'run' && $ask !== 'instance') {
            return $failure;
        }
        try {
            $runs = $this->table('WorkflowRun', 'workflow_runs')->where('id', $question['id']);
            $asked = $ask === 'run' ? $runs
                : $this->table('WorkflowInstance', 'workflow_instances')->where('id', $question['id']);
            $failure['missing'] = ! $asked->exists();
            $failure['of'] = $failure['missing'] && $ask === 'instance' ? $runs->value('workflow_instance_id') : null;
        } catch (\Throwable) {
            $failure['missing'] = $error instanceof \Illuminate\Database\Eloquent\ModelNotFoundException;
        }

        return $failure;
    }

    /** Where runs stand; times in UTC, whatever zone the application keeps its own in. */
    private function positions(array $ids): array
    {
        $columns = ['id', 'workflow_instance_id', 'status', 'last_history_sequence', 'last_progress_at', 'updated_at'];
        $found = [];
        foreach ($this->table('WorkflowRun', 'workflow_runs')->whereIn('id', $ids)->get($columns) as $row) {
            $found[] = [
                (string) $row->id, (string) $row->workflow_instance_id, (string) $row->status,
                (int) $row->last_history_sequence, $this->instant($row->last_progress_at),
                $this->instant($row->updated_at),
            ];
        }

        return $found;
    }

    private function instant(?string $time): ?string
    {
        return $time === null ? null : (new \DateTimeImmutable($time))
            ->setTimezone(new \DateTimeZone('UTC'))->format('Y-m-d\TH:i:s.u\Z');
    }

    /** A query on a table of the library, over the connection and the name that its own model has. */
    private function table(string $model, string $name): object
    {
        $class = self::MODELS.$model;

        return class_exists($class) ? (new $class())->newQuery()->toBase()
            : \Illuminate\Support\Facades\DB::table($name);
    }

    private function isFull(): bool
    {
        $limit = (string) ini_get('memory_limit');
        $bytes = (int) $limit * (['K' => 1 << 10, 'M' => 1 << 20, 'G' => 1 << 30][strtoupper(substr($limit, -1))] ?? 1);
        $bytes = $bytes > 0 ? $bytes : self::UNLIMITED;
        if (memory_get_usage() < self::FULL * $bytes) {
            return false;
        }
        gc_collect_cycles();

        return memory_get_usage() >= self::FULL * $bytes;
    }

    /** A class and a message, without what a query was bound to: that may be business data. */
    private function said(\Throwable $error): string
    {
        if ($error instanceof \Illuminate\Database\QueryException && $error->getPrevious() !== null) {
            $error = $error->getPrevious();
        }
        $place = basename($error->getFile()).':'.$error->getLine();

        return get_class($error).': '.substr($error->getMessage(), 0, 500)." ($place)";
    }

    private function refuse(string $what, string $message): void
    {
        $this->send('refused', ['what' => $what, 'message' => $message]);
        $this->done = true;
        exit(71);
    }

    /** Ends this process where it hangs and nobody is there any more to end it. */
    private function watch(bool $on): void
    {
        if ($this->alarm > 0 && function_exists('pcntl_alarm')) {
            pcntl_alarm($on ? $this->alarm : 0);
        }
    }

    private function tellWhyItEnds(): void
    {
        $this->reserve = null;
        if ($this->done) {
            return;
        }
        $error = error_get_last();
        $ends = E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR | E_RECOVERABLE_ERROR;
        $fatal = $error !== null && ($error['type'] & $ends) !== 0;
        $message = $fatal ? strtok($error['message'], "\n").' ('.basename($error['file']).':'.$error['line'].')'
            : 'the application ended the process (exit or die)';
        $this->send('died', ['message' => substr($message, 0, 700)]);
    }

    private function send(string $kind, array $payload): void
    {
        $this->sendText($kind, $this->encode($payload), false);
    }

    private function encode(array $payload): string
    {
        return (string) json_encode($payload, JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR);
    }

    private function sendText(string $kind, string $payload, bool $leaving): void
    {
        $took = (int) round((microtime(true) - $this->began) * 1000);
        $facts = [$this->token, $kind, $this->number, $took, (int) $leaving, strlen($payload), hash('sha256', $payload)];
        $this->write(implode(' ', $facts)."\n");
        $this->write($payload);
        $this->write("\n");
    }

    private function write(string $text): void
    {
        for ($sent = 0, $size = strlen($text); $sent < $size; $sent += $now) {
            $now = @fwrite(STDOUT, $sent === 0 ? $text : substr($text, $sent));
            if ($now === false || $now === 0) {
                $this->done = true;
                exit(72); // nobody reads any more
            }
        }
    }
})->serve();
