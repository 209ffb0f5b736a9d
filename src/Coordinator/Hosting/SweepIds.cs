using System.Security.Cryptography;
using Vae.Shared;

namespace Vae.Coordinator.Hosting;

/// <summary>Makes ids of sweeps.</summary>
internal static class SweepIds
{
    private const int Length = 8;

    // No vowels and nothing that is mistaken for something else: no words appear by chance, and an id can be read out.
    private const string Alphabet = "23456789bcdfghjkmnpqrstvwxz";

    /// <summary>For example <c>s-7k2m9qxd</c>: 27^8 possible ids, so two in one store do not meet by chance.</summary>
    public static SweepId New() => new($"s-{RandomNumberGenerator.GetString(Alphabet, Length)}");
}
