using System.Globalization;
using Vae.Runtime.Actors;

namespace Vae.Runtime.Remoting;

/// <summary>Where a node listens.</summary>
/// <param name="Host">Name or address; IPv6 without brackets.</param>
/// <param name="Port">1 to 65,535.</param>
public readonly record struct HostPort(string Host, int Port)
{
    /// <summary>As people write it.</summary>
    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}

/// <summary>
/// Where one node may be found: a coordinator and its standby. Whoever connects moves on to the next address when nobody answers at this one, and stays where somebody did; everything else that talks to the
/// node follows. Safe for concurrent use.
/// </summary>
public sealed class PeerAddresses
{
    /// <summary>More than that is a mistake.</summary>
    public const int CountMax = 16;

    private readonly HostPort[] _addresses;
    private int _current;

    /// <param name="addresses">In the order in which they are tried, 1 to <see cref="CountMax"/>.</param>
    public PeerAddresses(params IEnumerable<HostPort> addresses)
    {
        _addresses = [.. addresses];
        ArgumentOutOfRangeException.ThrowIfNotEqual(_addresses.Length is >= 1 and <= CountMax, true, nameof(addresses));
    }

    /// <summary>Where the node is thought to be.</summary>
    public HostPort Current => _addresses[Volatile.Read(ref _current)];

    /// <summary>All of them.</summary>
    public IReadOnlyList<HostPort> All => _addresses;

    /// <summary>Nobody answered at the current address. Called by the one that connects only.</summary>
    /// <returns>True when every address has had its turn.</returns>
    public bool MoveOn()
    {
        var next = (_current + 1) % _addresses.Length;
        Volatile.Write(ref _current, next);
        return next == 0;
    }

    /// <summary>Reads <c>HOST:PORT</c>, or several of them with commas between; an IPv6 host stands in brackets.</summary>
    /// <exception cref="UserFitException">A part of it is no address, or there are more than <see cref="CountMax"/>.</exception>
    public static PeerAddresses Parse(string text)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        return parts.Length <= CountMax ? new(parts.Select(One)) : throw new UserFitException($"{parts.Length} addresses are too many; at most {CountMax}.");
    }

    /// <summary>As it was written.</summary>
    public override string ToString() => string.Join(',', _addresses);

    private static HostPort One(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon > 0 && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= 65_535)
        {
            var host = text[..colon];
            if (host.StartsWith('[') && host.EndsWith(']')) host = host[1..^1];
            else if (host.Contains(':', StringComparison.Ordinal)) host = "";
            if (host.Length > 0) return new(host, port);
        }

        throw new UserFitException($"'{text}' is no address.");
    }
}
