using Npgsql;
using Vae.Runtime.Actors;

namespace Vae.Runtime.Storage.Postgres;

/// <summary>Where a PostgreSQL database is and who asks: <c>postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full</c>, as libpq writes it.</summary>
public sealed class PostgresAddress
{
    /// <summary>What a URL begins with.</summary>
    public static readonly IReadOnlyList<string> Schemes = ["postgres", "postgresql"];

    private const int DefaultPort = 5432;
    private static readonly string[] Keys = ["sslmode", "sslrootcert", "sslcert", "sslkey", "passfile", "host", "port"];

    private readonly NpgsqlConnectionStringBuilder _settings;

    private PostgresAddress(NpgsqlConnectionStringBuilder settings) => _settings = settings;

    /// <summary>True when the text means PostgreSQL rather than anything else.</summary>
    public static bool Fits(string text) => Schemes.Any(scheme => text.StartsWith(scheme + "://", StringComparison.OrdinalIgnoreCase));

    /// <summary>Reads a URL. A password that is not in it comes from <c>passfile</c>, <c>PGPASSFILE</c>, <c>~/.pgpass</c> or <c>PGPASSWORD</c>.</summary>
    /// <exception cref="UserFitException">It is none, or has a part that is not known. The text never shows the password.</exception>
    public static PostgresAddress Parse(string url)
    {
        if (!Fits(url) || !Uri.TryCreate(url.Trim(), UriKind.Absolute, out var uri)) throw Refuse("it is no URL of PostgreSQL");
        var settings = new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host.Length > 0 ? Uri.UnescapeDataString(uri.Host.Trim('[', ']')) : null,
            Port = uri.Port > 0 ? uri.Port : DefaultPort,
            Database = Uri.UnescapeDataString(uri.AbsolutePath.Trim('/')),
        };
        var colon = uri.UserInfo.IndexOf(':', StringComparison.Ordinal);
        var user = colon < 0 ? uri.UserInfo : uri.UserInfo[..colon];
        if (user.Length > 0) settings.Username = Uri.UnescapeDataString(user);
        if (colon >= 0) settings.Password = Uri.UnescapeDataString(uri.UserInfo[(colon + 1)..]);
        foreach (var pair in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries)) Set(settings, pair);
        if (string.IsNullOrEmpty(settings.Host)) throw Refuse("it names no host");
        if (string.IsNullOrEmpty(settings.Database) || settings.Database.Contains('/', StringComparison.Ordinal)) throw Refuse("it names no database");
        return new(settings);
    }

    /// <summary>Without the password.</summary>
    public override string ToString() => $"postgres://{(_settings.Username is { Length: > 0 } user ? user + "@" : "")}{_settings.Host}:{_settings.Port}/{_settings.Database}";

    internal string ConnectionString(string purpose, bool pooled) => new NpgsqlConnectionStringBuilder(_settings.ToString())
    {
        ApplicationName = $"vae {purpose}",
        Pooling = pooled,
        MaxPoolSize = 8,
        Timeout = 5,
        CommandTimeout = 30,
        MaxAutoPrepare = 20,
        AutoPrepareMinUsages = 2,
        TcpKeepAlive = true,
        TcpKeepAliveTime = 5,
        TcpKeepAliveInterval = 2,
        IncludeErrorDetail = false, // It would quote rows.
    }.ToString();

    private static void Set(NpgsqlConnectionStringBuilder settings, string pair)
    {
        var equals = pair.IndexOf('=', StringComparison.Ordinal);
        var (key, value) = equals < 0 ? (pair, "") : (pair[..equals], Uri.UnescapeDataString(pair[(equals + 1)..]));
        try
        {
            switch (key)
            {
                case "sslmode": settings.SslMode = Enum.Parse<SslMode>(value.Replace("-", "", StringComparison.Ordinal), ignoreCase: true); break;
                case "sslrootcert": settings.RootCertificate = value; break;
                case "sslcert": settings.SslCertificate = value; break;
                case "sslkey": settings.SslKey = value; break;
                case "passfile": settings.Passfile = value; break;
                case "host": settings.Host = value; break; // A folder, for the server's Unix socket.
                case "port": settings.Port = int.Parse(value, System.Globalization.CultureInfo.InvariantCulture); break;
                default: throw Refuse($"'{key}' is not known; allowed are {string.Join(", ", Keys)}");
            }
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException)
        {
            throw Refuse($"'{value}' does not fit {key}");
        }
    }

    private static UserFitException Refuse(string why) =>
        new($"The store's address cannot be used: {why}. Write it as postgres://USER@HOST:5432/DATABASE?sslmode=verify-full.");
}
