using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Vae.Tests.Conformance.Stores;

/// <summary>
/// A PostgreSQL server of the tests' own: a fresh cluster in a temporary folder on a free port of this machine, never the system's. Run by root, the server itself runs as
/// the user <c>postgres</c> or <c>nobody</c>, for it refuses root.
/// </summary>
public sealed class PostgresServer : IDisposable
{
    public const string User = "vae", Password = "p@ss/word";

    private static readonly Lazy<PostgresServer> OfAllTests = new(() => new PostgresServer());
    private static int _databases;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vae-postgres-");

    public PostgresServer()
    {
        var password = Path.Combine(_folder.FullName, "password");
        File.WriteAllText(password, Password);
        if (IsRoot) Run("chown", "-R", Owner, _folder.FullName);
        Command("initdb", "-D", Data, "-U", User, "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--locale", "C", "-N");
        Port = FreePort();
        Start();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Dispose();
    }

    /// <summary>One that tests share which do not stop it; it ends with the process.</summary>
    public static PostgresServer Shared => OfAllTests.Value;

    /// <summary>Null when a server can be had, else what lacks.</summary>
    public static string? Missing =>
        Folder("initdb") is null || Folder("postgres") is null ? "no PostgreSQL server is installed (Debian: postgresql)."
        : IsRoot && !File.Exists("/usr/sbin/runuser") ? "PostgreSQL refuses to run as root, and there is no runuser."
        : null;

    public int Port { get; }

    private static string Owner => File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "nobody";

    private static bool IsRoot => Environment.UserName == "root";

    private string Data => Path.Combine(_folder.FullName, "data");

    /// <summary>A fresh database.</summary>
    public string NewDatabase()
    {
        var name = $"db{Interlocked.Increment(ref _databases)}";
        Sql("postgres", $"CREATE DATABASE {name}");
        return UrlOf(name);
    }

    /// <summary>Also of a database that does not exist.</summary>
    public string UrlOf(string database) => $"postgres://{User}:{Uri.EscapeDataString(Password)}@127.0.0.1:{Port}/{database}";

    /// <summary>Runs a statement as the server's owner.</summary>
    public string Sql(string database, string statement) =>
        Run("env", $"PGPASSWORD={Password}", Path.Combine(Folder("psql")!, "psql"), "-h", "127.0.0.1", "-p", $"{Port}", "-U", User, "-d", database, "-qAt", "-v", "ON_ERROR_STOP=1", "-c", statement).Trim();

    public void Start() => Command("pg_ctl", "-D", Data, "-w", "-t", "60", "-l", Path.Combine(_folder.FullName, "log"),
        "-o", $"-p {Port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={_folder.FullName}", "start");

    /// <summary>As a crash does: without goodbyes.</summary>
    public void Stop() => Command("pg_ctl", "-D", Data, "-w", "-m", "immediate", "stop");

    public void Dispose()
    {
        if (!_folder.Exists) return;
        try
        {
            Stop();
        }
        catch (InvalidOperationException)
        {
            // It is stopped already.
        }

        _folder.Delete(recursive: true);
        _folder.Refresh();
    }

    private static string Command(string program, params string[] arguments)
    {
        var path = Path.Combine(Folder(program)!, program);
        return IsRoot ? Run("runuser", ["-u", Owner, "--", path, .. arguments]) : Run(path, arguments);
    }

    // On the path, where Debian puts it, or unpacked by test.sh.
    private static string? Folder(string program)
    {
        var debian = Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin")) : [];
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Concat(debian).FirstOrDefault(folder => File.Exists(Path.Combine(folder, program)));
    }

    private static string Run(string program, params string[] arguments)
    {
        // Files, not pipes: a server that is started inherits what its parent writes to, and a pipe would stay open as long as it runs.
        var log = Path.GetTempFileName();
        try
        {
            using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "cd / && log=$1 && shift && exec \"$@\" >\"$log\" 2>&1 </dev/null", "sh", log, program, .. arguments]) { RedirectStandardInput = true })!;
            process.WaitForExit();
            var output = File.ReadAllText(log);
            return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {output}");
        }
        finally
        {
            File.Delete(log);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>A test that needs a PostgreSQL server; without one it is skipped and says so.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PostgresFactAttribute : FactAttribute
{
    public PostgresFactAttribute() => Skip = PostgresServer.Missing;
}
