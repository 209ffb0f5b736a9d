using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Vae.Shared.Determinism;

/// <summary>Checks that hold unless this program is wrong. On in Release: stopping beats training on bad state.</summary>
public static class Verify
{
    /// <exception cref="InvariantException"><paramref name="condition"/> is false.</exception>
    [StackTraceHidden]
    public static void That([DoesNotReturnIf(false)] bool condition, [CallerArgumentExpression(nameof(condition))] string? text = null)
    {
        if (!condition) throw new InvariantException(text);
    }
}

/// <summary>A broken invariant of this program, never a user's mistake.</summary>
public sealed class InvariantException(string? text) : Exception($"Broken invariant: {text}");
